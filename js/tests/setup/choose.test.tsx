import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Refusal } from "../fake-model"
import { DRAFT, type Mounted, mountPanel, source } from "../mounted"

describe("choosing", () => {
  let panel: Mounted

  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    panel.unmount()
    vi.useRealTimers()
  })

  it("ticks datasources and guesses the roles of their columns", async () => {
    panel = await mountPanel()

    await panel.press("datasource-3")
    await panel.settle()

    expect(panel.call().datasource_uids).toEqual([3])
    expect(panel.part<HTMLSelectElement>("mapping-instruction").value).toBe("question")
    expect(panel.find("mapping-guessed")).not.toBeNull()
  })

  it("guesses nothing where the columns are called like the roles", async () => {
    panel = await mountPanel()

    await panel.press("datasource-5")
    await panel.settle()

    expect(panel.model.requests("guess_mappings")).toEqual([])
    expect(panel.part<HTMLSelectElement>("mapping-instruction").value).toBe("instruction")
  })

  it("takes the user's word for a role", async () => {
    panel = await mountPanel()
    await panel.press("datasource-3")
    await panel.settle()

    await panel.choose("mapping-instruction", "answer")

    expect(panel.call().column_mappings).toEqual({ answer: "instruction" })
    expect(panel.find("mapping-guessed")).toBeNull()
  })

  it("searches, and keeps what is chosen in the answer", async () => {
    panel = await mountPanel({}, { call: { ...DRAFT, datasource_uids: [5] } })
    const search = panel.root.querySelector<HTMLInputElement>('input[type="search"]')

    if (search) search.value = "quest"
    search?.dispatchEvent(new Event("input", { bubbles: true }))
    await panel.settle()

    expect(panel.model.requests("datasources").at(-1)?.payload).toEqual({
      search: "quest",
      limit: 100,
      include_uids: [5],
    })
  })

  it("invites to add data where there is none, and chooses what was added", async () => {
    panel = await mountPanel({
      datasources: () => ({ items: [], total: 0 }),
      register: () => source(9, "demo", "question"),
    })
    expect(panel.part("datasource-list").textContent).toContain("No data yet")

    await panel.press("add-demo")
    await panel.settle()

    expect(panel.model.requests("register")[0]?.payload).toEqual({
      source: { kind: "demo" },
      name: null,
      uid_col: null,
    })
    expect(panel.call().datasource_uids).toEqual([9])
  })

  it("says why a file cannot be added", async () => {
    panel = await mountPanel({
      register: () =>
        new Refusal({
          code: "datasource",
          message: "There is no file 'x.csv'.",
          hint: "Check the path.",
          field: null,
        }),
    })

    await panel.type("add-path", "x.csv")
    await panel.press("add-path-submit")
    await panel.settle()

    expect(panel.root.textContent).toContain("There is no file 'x.csv'. Check the path.")
  })

  it("narrows the rows, and previews from the first of them again", async () => {
    panel = await mountPanel({}, { call: { ...DRAFT, datasource_uids: [3] } })
    await panel.press("preview-next")
    await panel.settle()

    await panel.choose("rows-kind", "random")
    await panel.type("rows-n", "1,000")
    await panel.type("rows-seed", "x")
    await panel.settle()

    expect(panel.call().rows).toEqual({ kind: "random", n: 1000, seed: 0 })
    expect(panel.part("rows-seed").getAttribute("aria-invalid")).toBe("true")
    expect(panel.model.requests("preview").at(-1)?.payload.index).toBe(0)
  })

  it("shows rows that were given in code as such", async () => {
    const rows = { kind: "given", n: 12, job_id: null }
    panel = await mountPanel({}, { call: { ...DRAFT, datasource_uids: [3], rows } })

    const kind = panel.part<HTMLSelectElement>("rows-kind")

    expect(kind.selectedOptions[0]?.textContent).toBe("12 rows given in code")
  })

  it("gives each provider back what it was set to", async () => {
    const deployment = { instance_count: 2, max_concurrency: 8 }
    panel = await mountPanel(
      {},
      { call: { ...DRAFT, provider: "sagemaker", model_name: "job-1", deployment } },
    )

    await panel.choose("model-provider", "local")
    expect(panel.call()).toMatchObject({
      provider: "local",
      model_name: "smollm2-135m-instruct",
    })
    expect(panel.call().deployment).not.toHaveProperty("instance_count")

    await panel.choose("model-provider", "sagemaker")
    expect(panel.call()).toMatchObject({ model_name: "job-1" })
    expect(panel.call().deployment).toHaveProperty("instance_count", 2)
  })
})
