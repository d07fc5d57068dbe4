/** States of a panel to look at. */

import type { PreflightReply, PreviewReply } from "../src/messages"
import { DRAFT, jobSnapshot } from "../tests/fake-model"

export interface Scene {
  traits: Record<string, unknown>
  preview?: Partial<PreviewReply>
  preflight?: Partial<PreflightReply>
  empty?: boolean
  silent?: boolean
}

const CHOSEN = {
  ...DRAFT,
  datasource_uids: [3],
  column_mappings: { question: "instruction", best_answer: "response" },
  prompt_template:
    "Answer in one short sentence.\n\nQuestion: {instruction}\nCategory: {category}\nAnswer:",
  generation: { max_new_tokens: 64, temperature: 0.2 },
}

const DONE = {
  status: "succeeded",
  live: false,
  total: 1_000_000,
  succeeded: 995_412,
  failed: 1_327,
  truncated: 3_120,
  pending: 0,
  eta_s: null,
  elapsed_s: 4_212,
  input_tokens: 51_000_000,
  output_tokens: 33_000_000,
  cost_usd: 12.4,
} as const

export const scenes = {
  empty: { traits: { call: DRAFT }, empty: true },
  chosen: { traits: { call: CHOSEN } },
  broken: {
    traits: {
      call: {
        ...CHOSEN,
        prompt_template: 'Reply as {"answer": "..."}. Question: {instuction}',
        generation: { temperature: 3.5, system_prompt: "You are {role}." },
      },
    },
    preview: {
      row: null,
      unknown: [
        {
          field: "prompt_template",
          name: "instuction",
          position: 40,
          nearest: "instruction",
        },
        {
          field: "prompt_template",
          name: '"answer": "..."',
          position: 9,
          nearest: null,
        },
        { field: "system_prompt", name: "role", position: 8, nearest: null },
      ],
      problems: [],
    },
    preflight: {
      ok: false,
      problems: [
        {
          severity: "error",
          code: "prompt_template",
          message:
            "The prompt template uses {instuction}, but the row has only category, instruction, question.",
          hint: "Did you mean {instruction}?",
          field: "prompt_template",
          x_uids: [],
        },
        {
          severity: "error",
          code: "config",
          message: "temperature must be between 0 and 2, got 3.5.",
          hint: "",
          field: "temperature",
          x_uids: [],
        },
        {
          severity: "warning",
          code: "duplicates",
          message: "12% of the 817 rows looked at repeat an earlier prompt.",
          hint: "Each of them is sent; leave them out with x_uids to save time or money.",
          field: null,
          x_uids: ["doc::3", "doc::9", "doc::17", "doc::20", "doc::21", "doc::22"],
        },
      ],
    },
  },
  sagemaker: {
    traits: {
      call: {
        ...CHOSEN,
        provider: "sagemaker",
        model_name: "llama-3-8b-support-2026-10-02-10-11-12-345",
        deployment: { instance_count: 2, keep_endpoint: true },
      },
    },
    preflight: {
      n_rows: 817,
      cost: {
        low_usd: 4.3,
        high_usd: 7.8,
        usd_per_hour: 7.09,
        usd_per_day: 170,
        measured: false,
      },
      cost_text: "$4.30 to $7.80 on 2 × ml.g5.12xlarge ($14.18 an hour)",
      duration_s: [1_100, 1_980],
    },
  },
  deploying: {
    traits: {
      call: { ...CHOSEN, provider: "sagemaker" },
      job: jobSnapshot({
        status: "deploying",
        succeeded: 0,
        pending: 817,
        total: 817,
        rows_per_s: null,
        tokens_per_s: null,
        eta_s: null,
        phase: {
          kind: "endpoint",
          message: "Endpoint outboard-4f21 is being created",
          done: null,
          total: null,
        },
      }),
    },
  },
  running: {
    traits: {
      call: CHOSEN,
      job: jobSnapshot({
        total: 817,
        succeeded: 312,
        failed: 3,
        truncated: 12,
        pending: 502,
      }),
    },
  },
  trial: {
    traits: {
      call: CHOSEN,
      job: jobSnapshot({
        trial: true,
        total: 3,
        succeeded: 1,
        pending: 2,
        partials: [
          { ordinal: 1, x_uid: "doc::1", text: "The spiciest part of a chili pepper is" },
          { ordinal: 2, x_uid: "doc::2", text: "Watermelon seeds pass" },
        ],
      }),
    },
  },
  done: { traits: { call: CHOSEN, job: jobSnapshot(DONE) } },
  failed: {
    traits: {
      call: CHOSEN,
      job: jobSnapshot({
        status: "failed",
        live: false,
        resumable: true,
        failed: 40,
        error: {
          code: "provider",
          message:
            "More than half of the first 50 rows failed: HTTP 503 from the server.",
          hint: "Look at the log, then resume.",
          field: null,
        },
      }),
    },
  },
  silent: { traits: { call: CHOSEN, job: jobSnapshot() }, silent: true },
} satisfies Record<string, Scene>

export type SceneName = keyof typeof scenes
