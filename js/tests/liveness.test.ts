import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Liveness } from "../src/liveness"

describe("the kernel's state", () => {
  let waitMs = 0
  let visible = true
  let liveness: Liveness

  beforeEach(() => {
    vi.useFakeTimers()
    waitMs = 0
    visible = true
    liveness = new Liveness({ longestWaitMs: () => waitMs, isVisible: () => visible })
    liveness.start()
  })
  afterEach(() => {
    liveness.stop()
    vi.useRealTimers()
  })

  it("is waiting until the kernel has said something", () => {
    expect(liveness.state.value).toBe("waiting")

    liveness.heard()

    expect(liveness.state.value).toBe("alive")
  })

  it("is silent when nothing comes for seven seconds, and alive again after a word", () => {
    liveness.heard()

    vi.advanceTimersByTime(6_900)
    expect(liveness.state.value).toBe("alive")
    vi.advanceTimersByTime(700)
    expect(liveness.state.value).toBe("silent")

    liveness.heard()
    expect(liveness.state.value).toBe("alive")
  })

  it("is silent when nobody ever answers", () => {
    vi.advanceTimersByTime(7_600)

    expect(liveness.state.value).toBe("silent")
  })

  it("is busy while a request waits though beats arrive", () => {
    liveness.heard()
    waitMs = 1_200

    vi.advanceTimersByTime(500)
    expect(liveness.state.value).toBe("busy")

    waitMs = 0
    vi.advanceTimersByTime(500)
    expect(liveness.state.value).toBe("alive")
  })

  it("does not judge a hidden page, and gives the kernel time once it is seen", () => {
    liveness.heard()
    visible = false
    vi.advanceTimersByTime(60_000)
    expect(liveness.state.value).toBe("alive")

    visible = true
    vi.advanceTimersByTime(5_000)
    expect(liveness.state.value).toBe("alive")

    vi.advanceTimersByTime(3_000)
    expect(liveness.state.value).toBe("silent")
  })

  it("counts from when it is looked at, not from when it was made", () => {
    liveness.stop()
    vi.advanceTimersByTime(60_000)

    liveness.start()
    vi.advanceTimersByTime(1_000)

    expect(liveness.state.value).toBe("waiting")
  })
})
