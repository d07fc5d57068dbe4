import { visible } from "../results/safe-text"
import { usePanel } from "../state"
import { setupOf } from "./store"

/** What is known to be wrong with a field; its control is described by this. */
export function useFieldProblems(field: string) {
  return setupOf(usePanel()).problems.value.filter((problem) => problem.field === field)
}

export function FieldProblems({ field, id }: { field: string; id: string }) {
  const problems = useFieldProblems(field)
  return (
    <div id={id} class="ob-field-problems">
      {problems.map((problem) => (
        <p class={`ob-small ob-${problem.severity}`} key={problem.message}>
          {visible(problem.message)} {visible(problem.hint)}
        </p>
      ))}
    </div>
  )
}
