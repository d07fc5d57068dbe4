import { expect, it } from "vitest"
import type { SettingsSchema } from "../../src/messages"
import {
  controlText,
  type FormField,
  fallbackText,
  formFields,
  parseText,
  withSetting,
} from "../../src/setup/fields"

const SCHEMA = {
  properties: {
    max_new_tokens: {
      title: "New tokens",
      description: "Longest answer.",
      type: "integer",
      default: 256,
      minimum: 1,
      maximum: 131072,
      unit: "tokens",
      providers: ["local", "openai"],
    },
    top_p: {
      title: "Top p",
      description: "",
      anyOf: [{ type: "number", exclusiveMinimum: 0, maximum: 1 }, { type: "null" }],
      default: null,
      providers: ["local"],
    },
    do_sample: {
      title: "Sample",
      description: "",
      anyOf: [{ type: "boolean" }, { type: "null" }],
      default: null,
      providers: ["local"],
    },
    keep: {
      title: "Keep",
      description: "",
      type: "boolean",
      default: false,
      providers: ["sagemaker"],
    },
    stop: {
      title: "Stop",
      description: "",
      type: "array",
      items: { type: "string" },
      default: [],
      providers: ["local"],
    },
    format: {
      title: "Format",
      description: "",
      type: "string",
      enum: ["auto", "tgi"],
      default: "auto",
      providers: ["local"],
    },
    environment: {
      title: "Environment",
      description: "",
      type: "object",
      additionalProperties: { type: "string" },
      default: {},
      providers: ["local"],
    },
    extra: {
      title: "Extra",
      description: "",
      type: "object",
      additionalProperties: true,
      default: {},
      providers: ["local"],
    },
    mode: {
      title: "Mode",
      description: "",
      const: "realtime",
      default: "realtime",
      providers: ["local"],
    },
    system_prompt: {
      title: "System prompt",
      description: "",
      anyOf: [{ type: "string" }, { type: "null" }],
      default: null,
      providers: ["local"],
    },
  },
} as unknown as SettingsSchema

function field(name: string): FormField {
  const found = formFields(SCHEMA, "local").find((each) => each.name === name)
  if (found === undefined) throw new Error(name)
  return found
}

it("shows the fields of a provider that leave a choice", () => {
  const fields = formFields(SCHEMA, "local").map(({ name, kind }) => [name, kind])

  expect(fields).toEqual([
    ["max_new_tokens", "number"],
    ["top_p", "number"],
    ["do_sample", "switch"],
    ["stop", "texts"],
    ["format", "choice"],
    ["environment", "pairs"],
    ["extra", "object"],
    ["system_prompt", "template"],
  ])
})

it("tells the bounds and the default, and no unit twice", () => {
  expect(field("max_new_tokens")).toMatchObject({
    bounds: "1 to 131,072",
    integer: true,
    unit: null,
  })
  expect(field("top_p").bounds).toBe("above 0, up to 1")
  expect(fallbackText(field("max_new_tokens"))).toBe("256")
  expect(fallbackText(field("top_p"))).toBe("")
})

it("reads numbers as people write them, and leaves the rest for the kernel to judge", () => {
  const tokens = field("max_new_tokens")

  expect(parseText(tokens, " 1,024 ")).toBe(1024)
  expect(parseText(tokens, "1e3")).toBe(1000)
  expect(parseText(tokens, "many")).toBe("many")
  expect(parseText(tokens, "0x10")).toBe("0x10")
  expect(parseText(tokens, "  ")).toBeUndefined()
})

it("writes one stop string a line, line breaks in them as \\n", () => {
  const stop = field("stop")

  expect(parseText(stop, "\\n\\n\nEND ")).toEqual(["\n\n", "END "])
  expect(controlText(stop, ["\n\n", "a\\n"])).toBe("\\n\\n\na\\\\n")
  expect(parseText(stop, controlText(stop, ["\n\n", "a\\n"]))).toEqual(["\n\n", "a\\n"])
})

it("reads pairs and JSON, and leaves what is neither as text", () => {
  expect(parseText(field("environment"), "A=1\nB = x=y ")).toEqual({ A: "1", B: "x=y" })
  expect(parseText(field("environment"), "nonsense")).toBe("nonsense")
  expect(parseText(field("extra"), '{"a": [1]}')).toEqual({ a: [1] })
  expect(parseText(field("extra"), '{"a": ')).toBe('{"a": ')
})

it("has three answers for a switch", () => {
  const sample = field("do_sample")

  expect(["", "true", "false"].map((text) => parseText(sample, text))).toEqual([
    undefined,
    true,
    false,
  ])
})

it("sets nothing that equals the default", () => {
  const before = { max_new_tokens: 64, seed: 1 }

  expect(withSetting(before, field("max_new_tokens"), 256)).toEqual({ seed: 1 })
  expect(withSetting(before, field("max_new_tokens"), undefined)).toEqual({ seed: 1 })
  expect(withSetting(before, field("max_new_tokens"), 32)).toEqual({
    max_new_tokens: 32,
    seed: 1,
  })
  expect(withSetting({}, field("stop"), [])).toEqual({})
})
