import type { ComponentChildren } from "preact"
import { useState } from "preact/hooks"
import { Icon } from "./Icon"

interface FoldProps {
  label: string
  class: string
  /** Not there until it is unfolded: it may ask the kernel for what it shows. */
  children: ComponentChildren
}

/** Something that is shown on request. */
export function Fold({ label, class: className, children }: FoldProps) {
  const [isOpen, setOpen] = useState(false)
  return (
    <div class={className}>
      <button
        type="button"
        class="ob-fold"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="chevron" />
        <span>{label}</span>
      </button>
      {isOpen && children}
    </div>
  )
}
