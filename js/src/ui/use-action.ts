import { useRef, useState } from "preact/hooks"
import { type RpcError, toRpcError } from "../rpc"

export interface Action {
  busy: boolean
  error: RpcError | null
  /** Do it, unless it is being done. */
  run: (act: () => Promise<void>) => void
  clear: () => void
}

/** Something that a button does: it cannot be done twice at once, and may fail. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<RpcError | null>(null)
  const running = useRef(false)
  const run = (act: () => Promise<void>) => {
    if (running.current) return
    running.current = true
    setBusy(true)
    setError(null)
    act()
      .catch((cause: unknown) => setError(toRpcError(cause)))
      .finally(() => {
        running.current = false
        setBusy(false)
      })
  }
  return { busy, error, run, clear: () => setError(null) }
}
