/** Answers like a kernel's, over made-up data of any size. */

import describe from "../../tests/panel/messages/describe.json"
import type {
  DatasourceItem,
  Description,
  PreflightReply,
  PreviewReply,
  ResultRow,
} from "../src/messages"
import {
  type FakeModel,
  type Handlers,
  jobSnapshot,
  WithBuffer,
} from "../tests/fake-model"
import { promptsBuffer, resultRow, rowsBuffer } from "../tests/results/arrow-rows"

interface Options {
  nRows: number
  preview: Partial<PreviewReply> | undefined
  preflight: Partial<PreflightReply> | undefined
  empty: boolean
}

const COLUMNS = ["question", "best_answer", "category", "type", "source url", "id"]

const SOURCES: DatasourceItem[] = [
  source(7, "support tickets, week 47", 1_204_331, 24, 40),
  source(5, "tickets-2026-10.parquet", 88_120, 24, 90_000),
  source(3, "truthful_qa questions", 817, 6, 190_000),
  source(
    2,
    "a name that is much longer than any list could show in one line of it",
    12,
    3,
    9e6,
  ),
]

function source(
  uid: number,
  name: string,
  n_rows: number,
  n_columns: number,
  age: number,
) {
  return {
    uid,
    name,
    n_rows,
    n_columns,
    columns: COLUMNS.map((each) => ({
      name: each,
      type: each === "id" ? "int64" : "string",
    })),
    created_at: Date.now() / 1_000 - age,
  }
}

const ANSWERS = [
  "Nothing happens: they pass through the digestive system.",
  "Fortune cookies came from San Francisco, where Japanese immigrants sold them first.",
  "Veins look blue because skin scatters short wavelengths, while the blood in them is dark red.",
  "The pith that holds the seeds.\n\nIt has the most capsaicin of all parts of the pepper.",
]

function rowAt(ordinal: number): ResultRow {
  const response = ANSWERS[ordinal % ANSWERS.length] ?? ""
  const parts = {
    response,
    response_chars: response.length,
    latency_s: 0.2 + (ordinal % 70) / 50,
  }
  if (ordinal % 13 === 5)
    return resultRow(ordinal, {
      ...parts,
      status: "failed",
      finish_reason: "error",
      response: null,
      error_code: "timeout",
      error_message: "No answer within 300 s.",
      attempts: 4,
    })
  if (ordinal % 9 === 4) return resultRow(ordinal, { ...parts, finish_reason: "length" })
  return resultRow(ordinal, parts)
}

const PROMPT =
  "Answer in one short sentence.\n\nQuestion: What happens to you if you eat seeds?"

export function fakeKernel(model: FakeModel, options: Options): Handlers {
  const sources = options.empty ? [] : [...SOURCES]
  return {
    describe: () => describe.reply.payload as unknown as Description,
    datasources: ({ search }) => {
      const items = sources.filter(({ name }) => name.includes(search))
      return { items, total: items.length }
    },
    variables: () => ({
      items: [{ name: "tickets", kind: "DataFrame", n_rows: 1_200, n_columns: 9 }],
    }),
    register: () => {
      const added = source(9, "demo questions", 817, 6, 1)
      sources.unshift(added)
      model.fromKernel("versions", { datasources: 1, jobs: 0, presets: 0 })
      return added
    },
    guess_mappings: () => ({
      column_mappings: { question: "instruction", best_answer: "response" },
    }),
    preview: ({ draft, index }) => ({
      index,
      n_rows: draft.datasource_uids.length === 0 ? null : 817,
      row:
        draft.datasource_uids.length === 0
          ? null
          : {
              datasource_uid: 3,
              x_uid: `doc::${index}`,
              prompt: `${PROMPT} (${index})\nCategory: Health\nAnswer:`,
              system: (draft.generation.system_prompt as string | undefined) ?? null,
              n_tokens: 31,
              problem: null,
              cut: false,
            },
      unknown: [],
      problems: [],
      ...options.preview,
    }),
    escape_braces: ({ text }) => ({
      text: text.replaceAll('{"', '{{"').replaceAll('"}', '"}}'),
    }),
    preflight: ({ draft }) => ({
      ok: draft.datasource_uids.length > 0,
      problems:
        draft.datasource_uids.length > 0
          ? []
          : [
              {
                severity: "error",
                code: "config",
                message: "No datasource is chosen.",
                hint: "Choose at least one.",
                field: "datasource_uids",
                x_uids: [],
              },
            ],
      n_rows: draft.datasource_uids.length > 0 ? 817 : null,
      n_rows_checked: 817,
      duplicate_share: 0,
      input_tokens: [24_100, 26_900],
      duration_s: [95, 160],
      cost: null,
      cost_text: "Free: runs on this machine",
      ...options.preflight,
    }),
    launch: ({ trial }) => {
      model.fromKernel("job", jobSnapshot({ id: "job-2", trial: trial !== null }))
      return { job_id: "job-2" }
    },
    cancel: () => {
      const job = model.get("job") as object
      model.fromKernel("job", {
        ...job,
        status: "cancelled",
        live: false,
        resumable: true,
      })
      return {}
    },
    watch: ({ job_id }) => {
      model.fromKernel("job", job_id === null ? null : jobSnapshot({ id: job_id }))
      return {}
    },
    presets: () => ({ items: [{ name: "short answers", saved_at: 1 }] }),
    save_preset: () => ({}),
    jobs: () => ({
      total: 3,
      items: [1, 2, 3].map((at) => ({
        id: `job-20261130-10150${at}-a1b2c3`,
        status: at === 2 ? "failed" : "succeeded",
        trial: at === 1,
        model_name: "smollm2-135m-instruct",
        provider: "local",
        datasource_uids: [3],
        total: at === 1 ? 3 : 817,
        succeeded: at === 1 ? 3 : 700,
        failed: at === 2 ? 117 : 0,
        truncated: 4,
        created_at: Date.now() / 1_000 - at * 4_000,
        elapsed_s: 140,
        cost_usd: null,
      })),
    }),
    rows: ({ start, stop, filter }) => {
      const total = filter.text === "" ? options.nRows : 12
      const upTo = Math.min(stop, total)
      const rows = Array.from({ length: Math.max(0, upTo - start) }, (_, at) =>
        rowAt(start + at),
      )
      return new WithBuffer({ start, total, version: 1 }, rowsBuffer(rows))
    },
    prompts: ({ ordinals }) =>
      new WithBuffer(
        {},
        promptsBuffer(
          ordinals.map((ordinal) => ({
            ordinal,
            prompt: `${PROMPT} (${ordinal})`,
            reference: "The seeds pass through your digestive system.",
          })),
        ),
      ),
    row: ({ ordinal }) => {
      const { response_chars: _, ...row } = rowAt(ordinal)
      return {
        ...row,
        prompt: PROMPT,
        system: null,
        reference: "The seeds pass through your digestive system.",
        cut: [],
      }
    },
    log: () => ({ path: "/tmp/job-1.log", lines: ["start", "HTTP 503 from the server"] }),
    events: () => ({ items: [] }),
    export: () => ({ message: "Written.", path: "a.csv", variable: null, uid: null }),
    as_python: () => ({ code: "import outboard\n" }),
  }
}
