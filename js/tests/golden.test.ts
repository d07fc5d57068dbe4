/**
 * The example messages that the Python tests read too, held against messages.ts by the
 * compiler: a field that was renamed, forgotten or added on one side fails there.
 */

import { execFile } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

const HERE = import.meta.dirname
const EXAMPLES = join(HERE, "..", "..", "tests", "panel", "messages")

interface Example {
  request?: { type: string; payload: unknown }
  reply?: { ok: boolean; payload?: unknown; error?: unknown }
  trait?: string
  value?: unknown
  message?: unknown
  rows?: unknown[]
}

const TRAITS: Record<string, string> = {
  call: "M.Draft",
  job: "M.JobSnapshot | null",
  versions: "M.Versions",
  session: "M.Session",
}
const ROWS: Record<string, string> = { rows: "M.ResultRow", prompts: "M.PromptRow" }

/** The example as declarations of the types that it is said to have. */
function declared(name: string, example: Example): string[] {
  const lines: string[] = []
  const say = (part: string, type: string, value: unknown) => {
    const id = `${name}_${part}`.replace(/\W/g, "_")
    lines.push(`export const ${id}: ${type} = ${JSON.stringify(value)}`)
  }
  const { request, reply, trait, value, message, rows } = example
  if (request) {
    const isAbort = request.type === "abort"
    const requests = `M.Requests["${request.type}"]`
    say("request", isAbort ? "{ request: string }" : `${requests}[0]`, request.payload)
    if (reply?.ok) say("reply", `${requests}[1]`, reply.payload)
    else if (reply) say("error", "M.ErrorItem", reply.error)
    if (rows) say("rows", `${ROWS[request.type]}[]`, rows)
  }
  if (trait) say("trait", TRAITS[trait] ?? "never", value)
  if (message) say("message", "M.Beat", message)
  return lines
}

async function faultsOf(examples: Map<string, Example>): Promise<string> {
  const folder = await mkdtemp(join(HERE, "..", "node_modules", ".golden-"))
  try {
    const source = [...examples].flatMap(([name, example]) => declared(name, example))
    await writeFile(
      join(folder, "examples.ts"),
      ['import type * as M from "../../src/messages"', ...source].join("\n"),
    )
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: "../../tsconfig.json",
        files: ["examples.ts"],
        include: [],
      }),
    )
    const tsc = join(HERE, "..", "node_modules", "typescript", "bin", "tsc")
    await promisify(execFile)(process.execPath, [tsc, "-p", folder])
    return ""
  } catch (failure) {
    return (failure as { stdout?: string }).stdout ?? String(failure)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function readExamples(): Promise<Map<string, Example>> {
  const files = (await readdir(EXAMPLES)).filter((file) => file.endsWith(".json"))
  const read = files.map(async (file): Promise<[string, Example]> => {
    const text = await readFile(join(EXAMPLES, file), "utf8")
    return [file.replace(".json", ""), JSON.parse(text) as Example]
  })
  return new Map(await Promise.all(read))
}

describe("the example messages", () => {
  it("have the shapes that messages.ts says", { timeout: 60_000 }, async () => {
    const examples = await readExamples()

    expect(await faultsOf(examples)).toBe("")
    expect([...examples].flatMap(([name, each]) => declared(name, each))).not.toEqual([])
  })

  it("cover every type of request", async () => {
    const source = await readFile(join(HERE, "..", "src", "messages.ts"), "utf8")
    const table = /export interface Requests \{\n(.*?)\n\}/s.exec(source)?.[1] ?? ""
    const types = [...table.matchAll(/^ {2}(\w+): \[/gm)].map((match) => match[1])
    const shown = [...(await readExamples()).values()].map((each) => each.request?.type)

    expect(types.length).toBeGreaterThan(20)
    expect(types.filter((type) => !shown.includes(type))).toEqual([])
  })

  it("fail if a field is missing or another one is there", {
    timeout: 60_000,
  }, async () => {
    const wrong: Example = {
      request: { type: "cancel", payload: { job: "job-1" } },
      reply: { ok: true, payload: { done: true } },
    }

    const faults = await faultsOf(new Map([["wrong", wrong]]))

    expect(faults).toMatch(/"job".* does not exist/)
    expect(faults).toMatch(/'true' is not assignable to type 'never'/)
  })
})
