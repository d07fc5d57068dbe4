/** Time that goes on between two messages of the kernel. */

import { useEffect, useState } from "preact/hooks"

/** Return `known` seconds plus those since they were known, while `isRunning`. */
export function useSeconds(known: number, isRunning: boolean): number {
  const [now, setNow] = useState(() => Date.now())
  const [since, setSince] = useState({ known, at: now })
  if (since.known !== known) {
    const at = Date.now()
    setSince({ known, at })
    setNow(at)
  }
  useEffect(() => {
    if (!isRunning) return
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [isRunning])
  return isRunning ? known + Math.max(0, now - since.at) / 1_000 : known
}
