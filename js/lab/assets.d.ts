/** What build.mjs writes. */

declare module "shared-names" {
  /** The packages that the plugin takes from the page. */
  export const SHARED: readonly string[]
}
