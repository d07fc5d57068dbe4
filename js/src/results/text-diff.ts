/** What an answer has that its reference has not, word by word. */

import { diffWordsWithSpace } from "diff"

export interface Piece {
  kind: "same" | "added" | "removed"
  text: string
}

/** Longer texts are shown side by side only. */
export const MOST_DIFF_CHARS = 20_000

/** The page stands still meanwhile. */
const MOST_MS = 150

/** Return the pieces that lead from reference to answer; null where that would take too long. */
export function piecesBetween(reference: string, answer: string): Piece[] | null {
  if (reference.length + answer.length > MOST_DIFF_CHARS) return null
  const parts = diffWordsWithSpace(reference, answer, { timeout: MOST_MS })
  return parts === undefined
    ? null
    : parts.map(({ added, removed, value }) => ({
        kind: added ? "added" : removed ? "removed" : "same",
        text: value,
      }))
}
