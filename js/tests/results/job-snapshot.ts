/** A job as the kernel tells of it. */

import type { JobSnapshot } from "../../src/messages"

export function jobSnapshot(parts: Partial<JobSnapshot> = {}): JobSnapshot {
  return {
    id: "job-1",
    seq: 1,
    status: "running",
    live: true,
    resumable: false,
    trial: false,
    model_name: "smollm2-135m-instruct",
    provider: "local",
    model_source_uid: "7",
    total: 1_000,
    succeeded: 340,
    failed: 2,
    truncated: 12,
    pending: 658,
    rows_per_s: 21.4,
    tokens_per_s: 840,
    eta_s: 31,
    input_tokens: 12_345,
    output_tokens: 45_678,
    cost_usd: 0,
    elapsed_s: 16,
    created_at: 1_796_000_100,
    phase: null,
    warning: null,
    error: null,
    results_version: 1,
    partials: [],
    ...parts,
  }
}
