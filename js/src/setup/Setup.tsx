import { counted } from "../results/format"
import { oneLine } from "../results/safe-text"
import { usePanel } from "../state"
import { Section } from "../ui/Section"
import { AddData } from "./AddData"
import { Checks } from "./Checks"
import { DatasourceList } from "./DatasourceList"
import { Mapping } from "./Mapping"
import { ModelChoice } from "./ModelChoice"
import { PromptSection } from "./PromptSection"
import { RowChoice } from "./RowChoice"
import { rowsInWords } from "./rows"
import { SettingsSection } from "./SettingsSection"
import { setupOf } from "./store"

/** Everything that makes up a call, and what is wrong with it. */
export function Setup() {
  const panel = usePanel()
  const draft = panel.call.value
  return (
    <>
      <Section title="Model" summary={draft.model_name}>
        <ModelChoice />
      </Section>
      <Section title="Data" summary={<DataSummary />}>
        <div class="ob-stack ob-data">
          <DatasourceList />
          <AddData />
          {draft.datasource_uids.length > 0 && (
            <>
              <RowChoice />
              <Mapping />
            </>
          )}
        </div>
      </Section>
      <PromptSection />
      <SettingsSection />
      <Section title="Checks">
        <Checks />
      </Section>
    </>
  )
}

function DataSummary() {
  const panel = usePanel()
  const { datasource_uids, rows } = panel.call.value
  const chosen = setupOf(panel).chosen.value
  if (datasource_uids.length === 0) return <>nothing chosen</>
  const [first] = chosen
  const names =
    datasource_uids.length === 1 && first !== undefined
      ? oneLine(first.name)
      : counted(datasource_uids.length, "datasource")
  return (
    <>
      {names}, {rowsInWords(rows)}
    </>
  )
}
