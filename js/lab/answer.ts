/** What a kernel says to an expression. */

/** What came of an expression: its representations by MIME type, or its exception. */
export type Answer =
  | { ok: true; data: Record<string, unknown> }
  | { ok: false; ename: string; evalue: string }

/** Return what a reply holds; null if the kernel dropped the request. */
export function answerOf(content: unknown): Answer | null {
  const reply = content as {
    status: string
    ename?: string
    evalue?: string
    user_expressions?: Record<string, Record<string, unknown> | undefined>
  }
  if (reply.status === "aborted") return null
  const value = reply.user_expressions?.value
  if (reply.status === "ok" && value?.status === "ok")
    return { ok: true, data: value.data as Record<string, unknown> }
  const { ename, evalue } = value ?? reply
  return { ok: false, ename: String(ename ?? "Error"), evalue: String(evalue ?? "") }
}
