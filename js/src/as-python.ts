/** The call that a panel stands for, as Python source. */

import { CODE_EVENT, type CodeRequest } from "./code-event"
import type { PanelState } from "./state"

type Asked = Pick<PanelState, "rpc" | "call" | "flushCall">

/** Write down the call as it is being edited, with what was typed last. */
export async function callAsPython({ rpc, call, flushCall }: Asked): Promise<string> {
  flushCall()
  const { payload } = await rpc.request("as_python", { draft: call.value, job_id: null })
  return payload.code
}

/** Answer the page that asks at the panel's root, until the returned function is called. */
export function answerForCode(root: EventTarget, panel: Asked): () => void {
  const answer = (event: Event) =>
    (event as CustomEvent<CodeRequest>).detail.answer(callAsPython(panel))
  root.addEventListener(CODE_EVENT, answer)
  return () => root.removeEventListener(CODE_EVENT, answer)
}
