/** How the page asks a panel for its call as Python. */

/** Dispatched on the panel's root, with a `CodeRequest` as its detail. */
export const CODE_EVENT = "outboard:code"

export interface CodeRequest {
  /** Takes the source, or why there is none. */
  answer: (code: Promise<string>) => void
}
