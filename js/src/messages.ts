/** What browser and kernel say to each other: the shapes of messages.py and replies.py in src/outboard/panel. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type ProviderName = "sagemaker" | "local" | "openai"

export type RowChoice =
  | { kind: "all" }
  | { kind: "first"; n: number }
  | { kind: "random"; n: number; seed: number }
  | { kind: "x_uids"; x_uids: string }
  | { kind: "given"; n: number; job_id: string | null }

/** One call as the panel edits it: the trait `call`. */
export interface Draft {
  model_name: string
  provider: ProviderName
  /** Column -> role; null for the default. */
  column_mappings: Record<string, string> | null
  datasource_uids: number[]
  rows: RowChoice
  /** Only what differs from the defaults. */
  generation: Record<string, Json>
  deployment: Record<string, Json>
  prompt_template: string
}

export interface ProviderItem {
  name: ProviderName
  label: string
  default_model: string
  model_hint: string
}

export interface RoleItem {
  name: string
  help: string
}

/** What JSON schema says of a value, as far as a form looks at it. */
export interface ValueSchema {
  type?: string
  enum?: Json[]
  const?: Json
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  items?: ValueSchema
  /** Of an object's values. */
  additionalProperties?: boolean | ValueSchema
  [key: string]: unknown
}

/** One property of a settings schema. */
export interface FieldSchema extends ValueSchema {
  title: string
  description: string
  /** A value or null. */
  anyOf?: ValueSchema[]
  default?: Json
  unit?: string
  providers: ProviderName[]
}

export interface SettingsSchema {
  properties: Record<string, FieldSchema>
  [key: string]: unknown
}

export interface Description {
  version: string
  workspace: string
  providers: ProviderItem[]
  roles: RoleItem[]
  default_template: string
  generation_schema: SettingsSchema
  deployment_schema: SettingsSchema
}

export interface ColumnItem {
  name: string
  type: string
}

export interface DatasourceItem {
  uid: number
  name: string
  n_rows: number
  columns: ColumnItem[]
  n_columns: number
  /** Seconds since the epoch. */
  created_at: number
}

export interface Page<Item> {
  items: Item[]
  total: number
}

export interface VariableItem {
  name: string
  kind: string
  n_rows: number | null
  n_columns: number | null
}

export interface Problem {
  severity: "error" | "warning"
  code: string
  message: string
  hint: string
  field: string | null
  x_uids: string[]
}

export interface PreviewItem {
  datasource_uid: number
  x_uid: string
  prompt: string | null
  system: string | null
  n_tokens: number | null
  problem: string | null
  cut: boolean
}

export interface UnknownName {
  field: "prompt_template" | "system_prompt"
  name: string
  position: number
  nearest: string | null
}

export interface PreviewReply {
  index: number
  n_rows: number | null
  row: PreviewItem | null
  unknown: UnknownName[]
  problems: Problem[]
}

export interface Cost {
  low_usd: number
  high_usd: number
  usd_per_hour: number
  usd_per_day: number
  measured: boolean
}

export interface PreflightReply {
  ok: boolean
  problems: Problem[]
  n_rows: number | null
  n_rows_checked: number
  duplicate_share: number
  input_tokens: [number, number] | null
  duration_s: [number, number] | null
  cost: Cost | null
  cost_text: string
}

export interface JobItem {
  id: string
  status: JobStatus
  trial: boolean
  model_name: string
  provider: ProviderName
  datasource_uids: number[]
  total: number
  succeeded: number
  failed: number
  truncated: number
  created_at: number
  elapsed_s: number
  cost_usd: number | null
}

export type SortColumn =
  | "ordinal"
  | "x_uid"
  | "status"
  | "finish_reason"
  | "response"
  | "input_tokens"
  | "output_tokens"
  | "latency_s"
  | "attempts"
  | "error_code"

export interface Sort {
  column: SortColumn
  descending: boolean
}

export type RowStatus = "succeeded" | "failed" | "truncated"

export interface RowFilter {
  /** Empty for every status. */
  statuses: RowStatus[]
  text: string
}

export interface RowsReply {
  start: number
  total: number
  version: number
}

/** Columns of the Arrow buffer beside a `RowsReply`; texts are cut to 240 characters. */
export interface ResultRow {
  ordinal: number
  datasource_uid: number
  x_uid: string
  status: "succeeded" | "failed"
  finish_reason: string | null
  response: string | null
  response_chars: number | null
  error_code: string | null
  error_message: string | null
  input_tokens: number | null
  output_tokens: number | null
  latency_s: number | null
  attempts: number
}

/** Columns of the Arrow buffer beside the reply to `prompts`. */
export interface PromptRow {
  ordinal: number
  prompt: string | null
  reference: string | null
}

export interface RowDetail {
  ordinal: number
  datasource_uid: number
  x_uid: string
  status: "succeeded" | "failed"
  finish_reason: string | null
  prompt: string | null
  system: string | null
  response: string | null
  reference: string | null
  error_code: string | null
  error_message: string | null
  input_tokens: number | null
  output_tokens: number | null
  latency_s: number | null
  attempts: number
  cut: string[]
}

export interface EventItem {
  seq: number
  at: number
  kind: string
  message: string
}

export type ExportTarget =
  | { kind: "file"; format: "parquet" | "csv" | "jsonl"; path: string }
  | { kind: "variable"; name: string }
  | { kind: "datasource"; name: string }

export interface Exported {
  message: string
  path: string | null
  variable: string | null
  uid: number | null
}

export interface PresetItem {
  name: string
  saved_at: number
}

export interface Preset {
  name: string
  settings: Pick<
    Draft,
    "model_name" | "provider" | "generation" | "deployment" | "prompt_template"
  >
}

export type RegisterSource =
  | { kind: "path"; path: string }
  | { kind: "variable"; name: string }
  | { kind: "demo" }

/** Request type -> its payload and that of its reply. */
export interface Requests {
  describe: [Record<string, never>, Description]
  datasources: [
    { search: string; limit: number; include_uids: number[] },
    Page<DatasourceItem>,
  ]
  variables: [Record<string, never>, { items: VariableItem[] }]
  register: [
    { source: RegisterSource; name: string | null; uid_col: string | null },
    DatasourceItem,
  ]
  guess_mappings: [
    { datasource_uids: number[] },
    { column_mappings: Record<string, string> | null },
  ]
  preview: [{ draft: Draft; index: number }, PreviewReply]
  escape_braces: [{ text: string; names: string[] }, { text: string }]
  preflight: [{ draft: Draft }, PreflightReply]
  launch: [{ draft: Draft; token: string; trial: number | null }, { job_id: string }]
  cancel: [{ job_id: string }, Record<string, never>]
  resume: [{ job_id: string; max_cost_usd: number | null }, Record<string, never>]
  retry_failed: [{ job_id: string }, Record<string, never>]
  watch: [{ job_id: string | null; restore: boolean }, Record<string, never>]
  jobs: [{ search: string; limit: number }, Page<JobItem>]
  rows: [
    { job_id: string; start: number; stop: number; sort: Sort | null; filter: RowFilter },
    RowsReply,
  ]
  prompts: [{ job_id: string; ordinals: number[] }, Record<string, never>]
  row: [{ job_id: string; ordinal: number }, RowDetail]
  log: [{ job_id: string; lines: number }, { path: string; lines: string[] }]
  events: [{ job_id: string; after: number }, { items: EventItem[] }]
  export: [{ job_id: string; target: ExportTarget; with_source: boolean }, Exported]
  as_python: [{ draft: Draft | null; job_id: string | null }, { code: string }]
  presets: [Record<string, never>, { items: PresetItem[] }]
  save_preset: [{ name: string; draft: Draft }, Record<string, never>]
  load_preset: [{ name: string }, Preset]
  delete_preset: [{ name: string }, Record<string, never>]
}

export type RequestType = keyof Requests

export interface RequestMessage {
  id: string
  type: RequestType | "abort"
  payload: unknown
}

export interface ErrorItem {
  code: string
  message: string
  hint: string
  field: string | null
}

export type ReplyMessage =
  | { id: string; ok: true; payload: unknown }
  | { id: string; ok: false; error: ErrorItem }

/** A sign of life, every two seconds. */
export interface Beat {
  type: "beat"
  seq: number
}

export type JobStatus =
  | "queued"
  | "deploying"
  | "running"
  | "cancelling"
  | "cancelled"
  | "interrupted"
  | "failed"
  | "succeeded"

export interface PartialAnswer {
  ordinal: number
  x_uid: string
  text: string
}

/** The trait `job`. */
export interface JobSnapshot {
  id: string
  seq: number
  status: JobStatus
  live: boolean
  resumable: boolean
  trial: boolean
  model_name: string
  provider: ProviderName
  model_source_uid: string
  n_datasources: number
  total: number
  succeeded: number
  failed: number
  truncated: number
  pending: number
  rows_per_s: number | null
  tokens_per_s: number | null
  eta_s: number | null
  input_tokens: number
  output_tokens: number
  cost_usd: number | null
  elapsed_s: number
  created_at: number
  phase: {
    kind: string
    message: string
    done: number | null
    total: number | null
  } | null
  warning: string | null
  error: ErrorItem | null
  results_version: number
  partials: PartialAnswer[]
}

/** The trait `session`: which kernel process' panel this is. */
export interface Session {
  id: string
  /** Path of the notebook, or null if not known. */
  notebook: string | null
}

/** The trait `versions`: each grows when its list may have changed. */
export interface Versions {
  datasources: number
  jobs: number
  presets: number
}

/** The trait `session`: whose panel this is. */
export interface Session {
  /** Of this kernel process' panel; another one after a restart. */
  id: string
  notebook: string | null
}
