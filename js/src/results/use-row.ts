/** One row whole, for reading. */

import { useEffect, useState } from "preact/hooks"
import type { RowDetail } from "../messages"
import { type RpcError, toRpcError } from "../rpc"
import type { PanelState } from "../state"

export type RowAnswer =
  | { status: "loading"; last: RowDetail | null }
  | { status: "ready"; row: RowDetail }
  | { status: "failed"; error: RpcError }

/** Arrows held down step through rows faster than anybody reads. */
const REST_MS = 60

/** Ask for a row; again when `stamp` changes. */
export function useRow(
  { rpc }: PanelState,
  jobId: string,
  ordinal: number,
  stamp: string,
): RowAnswer & { retry: () => void } {
  const [answer, setAnswer] = useState<RowAnswer>({ status: "loading", last: null })
  const [times, setTimes] = useState(0)
  useEffect(() => {
    const abort = new AbortController()
    setAnswer((before) => ({
      status: "loading",
      last: before.status === "ready" ? before.row : null,
    }))
    const ask = async () => {
      try {
        const payload = { job_id: jobId, ordinal }
        const reply = await rpc.request("row", payload, { signal: abort.signal })
        if (!abort.signal.aborted) setAnswer({ status: "ready", row: reply.payload })
      } catch (cause) {
        if (!abort.signal.aborted)
          setAnswer({ status: "failed", error: toRpcError(cause) })
      }
    }
    const timer = setTimeout(() => void ask(), REST_MS)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [rpc, jobId, ordinal, stamp, times])
  return { ...answer, retry: () => setTimes(times + 1) }
}
