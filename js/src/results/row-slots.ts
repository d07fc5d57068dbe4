/** Which row of the table is drawn by which of the few elements there are. */

/**
 * A row that scrolls out leaves its element to one that scrolls in: new words in old cells cost
 * the browser much less than new cells. A row keeps its element as long as it is drawn.
 */
export class RowSlots {
  #slots = new Map<number, number>()

  /** Return the number of an element for each row; numbers stay below the most rows drawn. */
  of(indices: readonly number[]): Map<number, number> {
    const before = this.#slots
    const taken = new Set<number>()
    for (const index of indices) {
      const slot = before.get(index)
      if (slot !== undefined) taken.add(slot)
    }
    let next = 0
    const free = () => {
      while (taken.has(next)) next++
      return next++
    }
    this.#slots = new Map(indices.map((index) => [index, before.get(index) ?? free()]))
    return this.#slots
  }
}
