import { useEffect, useState } from "preact/hooks"
import { Icon } from "../ui/Icon"
import { copyText } from "./clipboard"
import { SelectableText } from "./SelectableText"

interface CopyButtonProps {
  label: string
  /** Words on the button; only the icon if there are none. */
  words?: string
  /** Asked for when it is pressed. */
  text: () => string | Promise<string>
  testId?: string
  onError?: (cause: unknown) => void
}

type Copy = { status: "idle" | "done" } | { status: "refused"; text: string }

/** Copies a text; where the browser refuses that, shows it for selection. */
export function CopyButton({ label, words, text, testId, onError }: CopyButtonProps) {
  const [copy, setCopy] = useState<Copy>({ status: "idle" })
  useEffect(() => {
    if (copy.status !== "done") return
    const timer = setTimeout(() => setCopy({ status: "idle" }), 1_500)
    return () => clearTimeout(timer)
  }, [copy])

  const run = async () => {
    try {
      const found = await text()
      const isCopied = await copyText(found)
      setCopy(isCopied ? { status: "done" } : { status: "refused", text: found })
    } catch (cause) {
      onError?.(cause)
    }
  }

  const isDone = copy.status === "done"
  return (
    <>
      <button
        type="button"
        class={`ob-button ${words ? "" : "ob-quiet"}`}
        data-testid={testId}
        aria-label={words ? undefined : label}
        title={label}
        onClick={() => void run()}
      >
        <Icon name={isDone ? "check" : "copy"} />
        {words && <span>{isDone ? "Copied" : words}</span>}
      </button>
      <span class="ob-visually-hidden" role="status">
        {isDone ? "Copied" : ""}
      </span>
      {copy.status === "refused" && (
        <SelectableText text={copy.text} onClose={() => setCopy({ status: "idle" })} />
      )}
    </>
  )
}
