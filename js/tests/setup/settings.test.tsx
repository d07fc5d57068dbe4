import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { Draft, Problem } from "../../src/messages"
import { DRAFT, type Mounted, mountPanel, preflightReply, previewReply } from "../mounted"

function problem(field: string, message: string): Problem {
  return { severity: "error", code: "config", message, hint: "", field, x_uids: [] }
}

describe("the settings", () => {
  let panel: Mounted

  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    panel.unmount()
    vi.useRealTimers()
  })

  it("reach the call as values, and leave it when reset", async () => {
    panel = await mountPanel()

    await panel.type("generation-max_new_tokens", "64")
    await panel.settle()
    expect(panel.call().generation).toEqual({ max_new_tokens: 64 })

    await panel.type("generation-max_new_tokens", "256")
    await panel.settle()
    expect(panel.call().generation).toEqual({})

    await panel.type("generation-max_new_tokens", "12")
    const reset = panel.root.querySelector<HTMLElement>(
      '[aria-label^="Reset New tokens"]',
    )
    reset?.click()
    await panel.settle()
    expect(panel.call().generation).toEqual({})
    expect(panel.part<HTMLInputElement>("generation-max_new_tokens").value).toBe("")
  })

  it("keep what is typed as it is written", async () => {
    panel = await mountPanel()

    await panel.type("generation-temperature", "0.")
    await panel.settle()

    expect(panel.part<HTMLInputElement>("generation-temperature").value).toBe("0.")
    expect(panel.call().generation).toEqual({ temperature: 0 })
  })

  it("show what a restored call has, whatever was typed before", async () => {
    panel = await mountPanel()
    await panel.type("generation-temperature", "0.5")
    await panel.settle()

    panel.model.fromKernel("call", { ...DRAFT, generation: { temperature: 1 } })
    await panel.settle(0)

    expect(panel.part<HTMLInputElement>("generation-temperature").value).toBe("1")
  })

  it("show what is wrong beside the field", async () => {
    panel = await mountPanel({
      preflight: () =>
        preflightReply({
          ok: false,
          problems: [
            problem("temperature", "temperature must be between 0 and 2, got 3."),
          ],
        }),
    })

    const control = panel.part("generation-temperature")
    const described = (control.getAttribute("aria-describedby") ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.textContent)

    expect(control.getAttribute("aria-invalid")).toBe("true")
    expect(described.join(" ")).toContain("must be between 0 and 2")
  })

  it("are only those of the provider", async () => {
    panel = await mountPanel()
    expect(panel.find("deployment-instance_type")).toBeNull()

    await panel.choose("model-provider", "sagemaker")
    await panel.settle()

    expect(panel.find("deployment-instance_type")).not.toBeNull()
  })

  it("never hold a secret that the kernel refuses", async () => {
    const refuse = ({ draft }: { draft: Draft }) =>
      previewReply({
        problems: draft.deployment.environment
          ? [problem("environment", "environment holds 'HF_TOKEN', a secret.")]
          : [],
      })
    panel = await mountPanel(
      { preview: refuse },
      { call: { ...DRAFT, provider: "sagemaker" } },
    )

    await panel.type("deployment-environment", "HF_TOKEN=hf_secret")
    panel.part("deployment-environment").focus()
    panel.part("deployment-environment").blur()
    await panel.settle()

    expect(JSON.stringify(panel.model.saved)).not.toContain("hf_secret")
    expect(panel.root.textContent).toContain("holds 'HF_TOKEN', a secret")
  })

  it("hold an environment that the kernel allows, once it was left", async () => {
    panel = await mountPanel({}, { call: { ...DRAFT, provider: "sagemaker" } })

    await panel.type("deployment-environment", "A=1")
    panel.part("deployment-environment").focus()
    panel.part("deployment-environment").blur()
    await panel.settle()

    expect(panel.call().deployment).toEqual({ environment: { A: "1" } })
  })

  it("are saved, loaded and deleted by name", async () => {
    const settings = {
      model_name: "other.gguf",
      provider: "local" as const,
      generation: { seed: 1 },
      deployment: {},
      prompt_template: "{x}",
    }
    panel = await mountPanel({
      presets: () => ({ items: [{ name: "short", saved_at: 1 }] }),
      load_preset: ({ name }) => ({ name, settings }),
      save_preset: () => ({}),
      delete_preset: () => ({}),
    })
    await panel.type("preset-name", "short")

    await panel.press("preset-load")
    await panel.settle()
    expect(panel.call()).toMatchObject(settings)

    await panel.press("preset-save")
    await panel.settle()
    expect(panel.model.requests("save_preset")[0]?.payload.draft).toMatchObject(settings)

    await panel.press("preset-delete")
    await panel.settle()
    expect(panel.model.requests("delete_preset")[0]?.payload).toEqual({ name: "short" })
  })
})
