import { useEffect, useRef, useState } from "preact/hooks"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { columnOf, isUsual, movedBy, toggled, usualLayout } from "./columns"
import { resultsViewOf } from "./view-state"

/** Which columns to show, in which order. */
export function ColumnMenu() {
  const panel = usePanel()
  const { layout } = resultsViewOf(panel)
  const [isOpen, setOpen] = useState(false)
  const root = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)

  useEffect(() => {
    if (!isOpen) return
    const onPointerDown = (event: Event) => {
      if (!event.composedPath().includes(root.current as EventTarget)) setOpen(false)
    }
    document.addEventListener("pointerdown", onPointerDown)
    return () => document.removeEventListener("pointerdown", onPointerDown)
  }, [isOpen])

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen) return
    event.stopPropagation()
    setOpen(false)
    button.current?.focus()
  }

  const { order, hidden } = layout.value
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only closes what is inside.
    <div ref={root} class="ob-menu-root" onKeyDown={onKeyDown}>
      <button
        ref={button}
        type="button"
        class="ob-button"
        aria-expanded={isOpen}
        title="Columns"
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="columns" />
        Columns
      </button>
      {isOpen && (
        <fieldset class="ob-menu">
          <legend class="ob-visually-hidden">Columns</legend>
          {order.map((id, place) => {
            const { title } = columnOf(id)
            return (
              <div key={id} class="ob-line ob-menu-item">
                <label class="ob-line ob-grow">
                  <input
                    type="checkbox"
                    checked={!hidden.includes(id)}
                    onChange={() => {
                      layout.value = toggled(layout.value, id)
                    }}
                  />
                  <span class="ob-ellipsis">{title}</span>
                </label>
                {([-1, 1] as const).map((step) => (
                  <button
                    key={step}
                    type="button"
                    class={`ob-button ob-quiet ${step > 0 ? "ob-descending" : ""}`}
                    aria-label={`Move ${title} ${step < 0 ? "left" : "right"}`}
                    title={step < 0 ? "Further left" : "Further right"}
                    disabled={step < 0 ? place === 0 : place === order.length - 1}
                    onClick={() => {
                      layout.value = movedBy(layout.value, id, step)
                    }}
                  >
                    <Icon name="up" />
                  </button>
                ))}
              </div>
            )
          })}
          <button
            type="button"
            class="ob-button ob-quiet"
            disabled={isUsual(layout.value)}
            onClick={() => {
              layout.value = usualLayout(panel.job.value?.n_datasources ?? 1)
            }}
          >
            <Icon name="undo" />
            Reset columns
          </button>
        </fieldset>
      )}
    </div>
  )
}
