/** What becomes of a call when its provider changes. */

import type { Draft, Json, ProviderItem, ProviderName, SettingsSchema } from "../messages"

/** What a provider was given before another one was chosen. */
export type Kept = Map<ProviderName, Pick<Draft, "model_name" | "deployment">>

export function withProvider(
  draft: Draft,
  provider: ProviderItem,
  schema: SettingsSchema,
  kept: Kept,
): Partial<Draft> {
  kept.set(draft.provider, { model_name: draft.model_name, deployment: draft.deployment })
  const before = kept.get(provider.name)
  const isShared = ([name]: [string, Json]) =>
    schema.properties[name]?.providers.includes(provider.name) ?? false
  return {
    provider: provider.name,
    model_name: before?.model_name ?? provider.default_model,
    deployment: {
      ...before?.deployment,
      ...Object.fromEntries(Object.entries(draft.deployment).filter(isShared)),
    },
  }
}
