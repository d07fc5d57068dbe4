/** Which rows of a tall list are on screen, also where it is taller than a browser can lay out. */

export const ROW_PX = 28

/** Firefox stops at some 17.8 million pixels; below this height one pixel scrolled is one pixel moved. */
export const MOST_PX = 10_000_000

/** Rows drawn above and below those on screen. */
const OVERSCAN = 3

/** A scroll within this many screens moves the rows pixel by pixel; a longer one is a jump. */
const LOCAL_SCREENS = 2

export interface Extent {
  total: number
  /** Height that rows have on screen, without the header. */
  viewPx: number
}

export interface Position {
  /** Where the browser's scroll bar is. */
  scrollTop: number
  /** First pixel of the list on screen, exact, as if it had its full height. */
  top: number
}

export const START: Position = { scrollTop: 0, top: 0 }

export interface Span {
  first: number
  /** One after the last. */
  stop: number
}

export function fullPx(extent: Extent): number {
  return extent.total * ROW_PX
}

/** Height to give the element that scrolls. */
export function canvasPx(extent: Extent): number {
  return Math.min(fullPx(extent), MOST_PX)
}

function range(px: number, extent: Extent): number {
  return Math.max(0, px - extent.viewPx)
}

/** Put `top` on the first line of the screen, with the scroll bar where it belongs. */
export function placedAt(top: number, extent: Extent): Position {
  const full = range(fullPx(extent), extent)
  const exact = Math.min(Math.max(0, top), full)
  if (!isScaled(extent)) return { scrollTop: exact, top: exact }
  const share = (exact / full) * range(canvasPx(extent), extent)
  return { scrollTop: Math.round(share), top: exact }
}

export function isScaled(extent: Extent): boolean {
  return fullPx(extent) > MOST_PX
}

/** Follow the browser's scroll bar. */
export function scrolledTo(
  scrollTop: number,
  before: Position,
  extent: Extent,
): Position {
  const full = range(fullPx(extent), extent)
  if (!isScaled(extent)) return { scrollTop, top: Math.min(scrollTop, full) }

  const moved = scrollTop - before.scrollTop
  if (Math.abs(moved) <= extent.viewPx * LOCAL_SCREENS) {
    const top = Math.min(Math.max(0, before.top + moved), full)
    return { scrollTop, top }
  }
  // Whole pixels: lines between rows are one pixel wide.
  const top = Math.round((scrollTop / range(canvasPx(extent), extent)) * full)
  return { scrollTop, top }
}

/**
 * Tell whether the scroll bar has come to an end before the list has, or the other way round.
 *
 * Scrolling pixel by pixel lets the two drift apart. At rest the bar is put back anyway;
 * at an end that cannot wait, since the browser would scroll no further.
 */
export function isStuck(at: Position, extent: Extent): boolean {
  const bar = range(canvasPx(extent), extent)
  const full = range(fullPx(extent), extent)
  const barEnd = at.scrollTop <= 0 || at.scrollTop >= bar
  const listEnd = at.top <= 0 || at.top >= full
  return barEnd !== listEnd
}

/** Move as little as shows the whole row. */
export function revealing(index: number, at: Position, extent: Extent): Position {
  const rowTop = index * ROW_PX
  const rowEnd = rowTop + ROW_PX
  if (rowTop < at.top) return placedAt(rowTop, extent)
  if (rowEnd > at.top + extent.viewPx) return placedAt(rowEnd - extent.viewPx, extent)
  return at
}

/** Rows that are on screen, in part at least. */
export function onScreen(at: Position, extent: Extent): Span {
  const first = Math.floor(at.top / ROW_PX)
  const stop = Math.ceil((at.top + extent.viewPx) / ROW_PX)
  return {
    first: Math.min(Math.max(0, first), extent.total),
    stop: Math.min(Math.max(0, stop), extent.total),
  }
}

/** Rows to draw: those on screen with some before and after. */
export function drawn(at: Position, extent: Extent): Span {
  const { first, stop } = onScreen(at, extent)
  return {
    first: Math.max(0, first - OVERSCAN),
    stop: Math.min(extent.total, stop + OVERSCAN),
  }
}

/** Where a row stands inside the element that scrolls. */
export function rowPx(index: number, at: Position): number {
  return at.scrollTop + index * ROW_PX - at.top
}

/** Rows that Page Up and Page Down move by. */
export function pageRows(extent: Extent): number {
  return Math.max(1, Math.floor(extent.viewPx / ROW_PX) - 1)
}
