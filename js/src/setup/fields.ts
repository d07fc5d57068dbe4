/** Settings schemas as form fields, and what is typed into them as JSON values. */

import type {
  FieldSchema,
  Json,
  ProviderName,
  SettingsSchema,
  ValueSchema,
} from "../messages"

export type FieldKind =
  | "number"
  | "switch"
  | "choice"
  | "text"
  | "template"
  | "texts"
  | "pairs"
  | "object"

export interface FormField {
  name: string
  kind: FieldKind
  title: string
  help: string
  unit: string | null
  /** Whole numbers only. */
  integer: boolean
  /** What a number may be, in words; empty if anything. */
  bounds: string
  /** null where the server decides. */
  fallback: Json
  choices: string[]
}

const TEMPLATES = new Set(["system_prompt"])

/** Fields of a provider, in the schema's order; those that leave no choice are left out. */
export function formFields(schema: SettingsSchema, provider: ProviderName): FormField[] {
  return Object.entries(schema.properties)
    .filter(([, each]) => each.providers.includes(provider) && each.const === undefined)
    .map(([name, each]) => formField(name, each))
}

function formField(name: string, schema: FieldSchema): FormField {
  const inner = schema.anyOf?.find((each) => each.type !== "null") ?? schema
  return {
    name,
    kind: TEMPLATES.has(name) ? "template" : kindOf(inner),
    title: schema.title,
    help: schema.description,
    unit: unitOf(schema),
    integer: inner.type === "integer",
    bounds: boundsOf(inner),
    fallback: schema.default ?? null,
    choices: (inner.enum ?? []).map(String),
  }
}

/** The unit, unless the title has named it. */
function unitOf({ unit, title }: FieldSchema): string | null {
  return unit === undefined || title.toLowerCase().includes(unit.toLowerCase())
    ? null
    : unit
}

function kindOf(schema: ValueSchema): FieldKind {
  if (schema.enum !== undefined) return "choice"
  if (schema.type === "integer" || schema.type === "number") return "number"
  if (schema.type === "boolean") return "switch"
  if (schema.type === "array") return "texts"
  if (schema.type === "object") return isPairs(schema) ? "pairs" : "object"
  return "text"
}

/** True for an object of which only texts are values. */
function isPairs({ additionalProperties }: ValueSchema): boolean {
  return (
    typeof additionalProperties === "object" && additionalProperties.type === "string"
  )
}

function boundsOf(schema: ValueSchema): string {
  const { minimum, maximum, exclusiveMinimum } = schema
  const low = exclusiveMinimum ?? minimum
  const above = exclusiveMinimum !== undefined
  if (low !== undefined && maximum !== undefined)
    return above
      ? `above ${shown(low)}, up to ${shown(maximum)}`
      : `${shown(low)} to ${shown(maximum)}`
  if (low !== undefined) return above ? `above ${shown(low)}` : `${shown(low)} or more`
  return maximum !== undefined ? `up to ${shown(maximum)}` : ""
}

function shown(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 6 })
}

/** What the field holds if nothing is set, in words. */
export function fallbackText(field: FormField): string {
  const { fallback } = field
  if (fallback === null) return ""
  if (typeof fallback === "boolean") return fallback ? "on" : "off"
  if (Array.isArray(fallback) || typeof fallback === "object") return "none"
  return typeof fallback === "number" ? shown(fallback) : fallback
}

/** A value as the text of its control. */
export function controlText(field: FormField, value: Json | undefined): string {
  if (value === undefined || value === null) return ""
  if (field.kind === "texts" && isTexts(value)) return value.map(escaped).join("\n")
  if (field.kind === "pairs" && isPairsValue(value))
    return Object.entries(value)
      .map(([key, each]) => `${key}=${each}`)
      .join("\n")
  if (typeof value === "object") return JSON.stringify(value, null, 2)
  return String(value)
}

/**
 * What was typed as a value: undefined for nothing. Text that is no such value stays text;
 * the kernel says what is wrong with it.
 */
export function parseText(field: FormField, text: string): Json | undefined {
  if (text.trim() === "" && field.kind !== "template") return undefined
  switch (field.kind) {
    case "number":
      return numberOf(text)
    case "switch":
      return text === "true"
    case "texts":
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map(unescaped)
    case "pairs":
      return pairsOf(text)
    case "object":
      return jsonOf(text)
    case "template":
      return text === "" ? undefined : text
    case "choice":
    case "text":
      return text.trim()
  }
}

/** Settings with one of them changed; equal to the default counts as not set. */
export function withSetting(
  settings: Record<string, Json>,
  field: FormField,
  value: Json | undefined,
): Record<string, Json> {
  const { [field.name]: _old, ...others } = settings
  const isDefault = JSON.stringify(value) === JSON.stringify(field.fallback)
  return value === undefined || isDefault ? others : { ...others, [field.name]: value }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

function numberOf(text: string): Json {
  const plain = text
    .trim()
    .replace(/[\s_]/g, "")
    .replace(/,(?=\d{3}\b)/g, "")
  const value = Number(plain)
  return NUMBER.test(plain) && Number.isFinite(value) ? value : text.trim()
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

function pairsOf(text: string): Json {
  const lines = text.split("\n").filter((line) => line.trim() !== "")
  if (!lines.every((line) => line.indexOf("=") > 0)) return text
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf("=")
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    }),
  )
}

function isTexts(value: Json): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string")
}

function isPairsValue(value: Json): value is Record<string, string> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((each) => typeof each === "string")
  )
}

// One stop string a line, so that line breaks and tabs in them are written as \n and \t.
const ESCAPES: Record<string, string> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\t": "\\t",
  "\r": "\\r",
}
const UNESCAPES: Record<string, string> = {
  "\\\\": "\\",
  "\\n": "\n",
  "\\t": "\t",
  "\\r": "\r",
}

function escaped(text: string): string {
  return text.replace(/[\\\n\t\r]/g, (each) => ESCAPES[each] ?? each)
}

function unescaped(text: string): string {
  return text.replace(/\\[\\ntr]/g, (each) => UNESCAPES[each] ?? each)
}
