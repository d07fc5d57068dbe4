/** The scrolling of a list that may be taller than a browser can lay out. */

import type { RefObject } from "preact"
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import {
  type Extent,
  isScaled,
  isStuck,
  type Position,
  placedAt,
  revealing,
  START,
  scrolledTo,
} from "./viewport"

/** How long a list has to stand still before its scroll bar is put right. */
const REST_MS = 150

/** Without a style sheet the element is as tall as its rows: do not draw them all. */
const MOST_VIEW_PX = 5_000

export interface Scroller {
  at: Position
  extent: Extent
  widthPx: number
  onScroll: () => void
  reveal: (index: number) => void
}

/** Follow an element that scrolls `total` rows under a header. */
export function useScroller(
  element: RefObject<HTMLElement | null>,
  total: number,
  headerPx: number,
): Scroller {
  const [at, setAt] = useState<Position>(START)
  const [size, setSize] = useState({ width: 0, height: 0 })
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const viewPx = Math.min(Math.max(0, size.height - headerPx), MOST_VIEW_PX)
  const extent = { total, viewPx }
  const now = useRef({ at, extent })
  now.current.extent = extent

  const move = useCallback((to: Position) => {
    now.current.at = to
    setAt(to)
  }, [])

  const place = useCallback(
    (to: Position) => {
      const scroller = element.current
      if (scroller === null) return
      scroller.scrollTop = to.scrollTop
      // The browser rounds, and cuts off what is beyond the end.
      move({ scrollTop: scroller.scrollTop, top: to.top })
    },
    [element, move],
  )

  useLayoutEffect(() => {
    const scroller = element.current
    if (scroller === null) return
    const measure = () =>
      setSize({ width: scroller.clientWidth, height: scroller.clientHeight })
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(scroller)
    return () => observer.disconnect()
  }, [element])

  // Rows that vanish, by a filter say, leave no empty space behind them.
  useLayoutEffect(() => {
    const { top } = placedAt(now.current.at.top, extent)
    if (top < now.current.at.top) place(placedAt(top, extent))
  }, [total, extent.viewPx])

  useEffect(() => () => clearTimeout(timer.current), [])

  const onScroll = useCallback(() => {
    const scroller = element.current
    if (scroller === null) return
    const { at: before, extent: around } = now.current
    const to = scrolledTo(scroller.scrollTop, before, around)
    clearTimeout(timer.current)
    if (isScaled(around) && isStuck(to, around)) return place(placedAt(to.top, around))
    if (isScaled(around))
      timer.current = setTimeout(
        () => place(placedAt(now.current.at.top, around)),
        REST_MS,
      )
    move(to)
  }, [element, move, place])

  const reveal = useCallback(
    (index: number) => {
      const { at: before, extent: around } = now.current
      const to = revealing(index, before, around)
      if (to !== before) place(to)
    },
    [place],
  )

  return { at, extent, widthPx: size.width, onScroll, reveal }
}
