/** The first rows of a run that is being opened, asked for before the kernel shows the run. */

import type { Requests } from "../messages"
import type { Reply } from "../rpc"
import type { PanelState } from "../state"
import { type Ask, pageRequest } from "./rows"
import { NO_FILTER } from "./view-state"

interface Early {
  asked: string
  reply: Promise<Reply<Requests["rows"][1]>>
  abort: AbortController
}

/** What has been asked and not been taken yet: of one run at most. */
const early = new WeakMap<PanelState, Early>()

/** Ask for what a run shows first; returns how to give that up. */
export function askFirstRows(panel: PanelState, jobId: string): () => void {
  early.get(panel)?.abort.abort()
  const payload = pageRequest({ jobId, sort: null, filter: NO_FILTER }, 0)
  const abort = new AbortController()
  const reply = panel.rpc.request("rows", payload, { signal: abort.signal })
  // Whoever takes it hears of an error; without one nobody has to.
  reply.catch(() => undefined)
  const asked = { asked: JSON.stringify(payload), reply, abort }
  early.set(panel, asked)
  return () => {
    if (early.get(panel) === asked) early.delete(panel)
    abort.abort()
  }
}

/** Return a way to ask for rows that first takes those that were asked for early. */
export function askingRows(panel: PanelState): Ask {
  return (type, payload, options) => {
    const known = early.get(panel)
    if (type === "rows" && known?.asked === JSON.stringify(payload)) {
      early.delete(panel)
      options.signal.addEventListener("abort", () => known.abort.abort())
      return known.reply as ReturnType<Ask>
    }
    return panel.rpc.request(type, payload, options)
  }
}
