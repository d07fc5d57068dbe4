import type { ComponentChildren } from "preact"
import { useEffect, useId, useRef, useState } from "preact/hooks"
import { Icon } from "./Icon"
import { REVEAL } from "./reveal"

interface SectionProps {
  title: string
  /** What is inside, in a few words; read when it is folded, too. */
  summary?: ComponentChildren
  folded?: boolean
  /** Sections inside sections have lesser headings. */
  level?: 3 | 4
  children: ComponentChildren
}

/** A part of the panel that folds away under its heading. */
export function Section({
  title,
  summary,
  folded = false,
  level = 3,
  children,
}: SectionProps) {
  // As `folded` says until the user has said otherwise.
  const [choice, setOpen] = useState<boolean | null>(null)
  const open = choice ?? !folded
  const body = useId()
  const element = useRef<HTMLElement>(null)
  useEffect(() => {
    const show = () => setOpen(true)
    const section = element.current
    section?.addEventListener(REVEAL, show)
    return () => section?.removeEventListener(REVEAL, show)
  }, [])
  const Heading = `h${level}` as const
  return (
    <section ref={element} class={`ob-section ob-level-${level}`} aria-label={title}>
      <div class="ob-section-head">
        <Heading>
          <button
            type="button"
            class="ob-fold"
            aria-expanded={open}
            aria-controls={body}
            onClick={() => setOpen(!open)}
          >
            <Icon name="chevron" />
            <span>{title}</span>
          </button>
        </Heading>
        {summary !== undefined && <div class="ob-section-summary">{summary}</div>}
      </div>
      <div id={body} class="ob-section-body" hidden={!open}>
        {children}
      </div>
    </section>
  )
}
