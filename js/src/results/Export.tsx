import { useId, useState } from "preact/hooks"
import type { Exported, ExportTarget, JobSnapshot } from "../messages"
import { type RpcError, toRpcError } from "../rpc"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { CopyButton } from "./CopyButton"
import { Fault } from "./Fault"
import { brief } from "./safe-text"

type Format = "parquet" | "csv" | "jsonl" | "variable" | "datasource"

const FORMATS: readonly { format: Format; words: string; title: string }[] = [
  { format: "parquet", words: "Parquet", title: "Write a Parquet file" },
  { format: "csv", words: "CSV", title: "Write a CSV file" },
  { format: "jsonl", words: "JSONL", title: "Write a file of JSON lines" },
  { format: "variable", words: "DataFrame", title: "Make a variable in the kernel" },
  {
    format: "datasource",
    words: "Datasource",
    title: "Make a datasource for the next run",
  },
]

type State =
  | { status: "idle" }
  | { status: "busy"; format: Format }
  | { status: "done"; exported: Exported }
  | { status: "failed"; error: RpcError }

/** Keep the results: in a file, a variable, a datasource. */
export function Export({ job }: { job: JobSnapshot }) {
  const { rpc, answers } = usePanel()
  const [name, setName] = useState("")
  const [withSource, setWithSource] = useState(false)
  const [state, setState] = useState<State>({ status: "idle" })
  const label = useId()
  const hasRows = job.succeeded + job.failed > 0

  const run = async (format: Format) => {
    setState({ status: "busy", format })
    try {
      const target = targetOf(format, name.trim())
      const payload = { job_id: job.id, target, with_source: withSource }
      const reply = await rpc.request("export", payload)
      setState({ status: "done", exported: reply.payload })
    } catch (cause) {
      setState({ status: "failed", error: toRpcError(cause) })
    }
  }

  return (
    <fieldset class="ob-export ob-stack" aria-labelledby={label}>
      <div class="ob-line">
        <span id={label} class="ob-label">
          Keep as
        </span>
        <div class="ob-button-row">
          {FORMATS.map(({ format, words, title }) => (
            <button
              key={format}
              type="button"
              class="ob-button"
              data-testid={`export-${format}`}
              title={title}
              disabled={!hasRows || !answers.value || state.status === "busy"}
              onClick={() => void run(format)}
            >
              {state.status === "busy" && state.format === format ? "Writing…" : words}
            </button>
          ))}
        </div>
        <input
          class="ob-export-name"
          type="text"
          data-testid="export-name"
          aria-label="Path of the file, or name of the variable or datasource"
          placeholder="Path or name (optional)"
          spellcheck={false}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <label class="ob-line ob-small">
          <input
            type="checkbox"
            data-testid="export-with-source"
            checked={withSource}
            onChange={(event) => setWithSource(event.currentTarget.checked)}
          />
          with source columns
        </label>
      </div>
      <div role="status">
        {state.status === "done" && <Kept exported={state.exported} />}
      </div>
      {state.status === "failed" && <Fault error={state.error} />}
    </fieldset>
  )
}

function Kept({ exported }: { exported: Exported }) {
  const where = exported.path ?? exported.variable
  return (
    <div class="ob-note ob-tone-good" data-testid="export-result">
      <Icon name="check" />
      <bdi class="ob-grow">{brief(exported.message)}</bdi>
      {where !== null && (
        <CopyButton
          label={exported.path === null ? "Copy the name" : "Copy the path"}
          text={() => where}
        />
      )}
    </div>
  )
}

function targetOf(format: Format, name: string): ExportTarget {
  switch (format) {
    case "variable":
      return { kind: "variable", name: name === "" ? "results" : name }
    case "datasource":
      return { kind: "datasource", name }
    default:
      return { kind: "file", format, path: name }
  }
}
