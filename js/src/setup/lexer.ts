/** What a template is made of, for highlighting: the tokens of outboard/template.py. */

export interface Token {
  kind: "text" | "literal" | "name" | "stray"
  start: number
  text: string
}

// The same expression as there. Names are taken verbatim; braces written twice are literal.
const TOKEN = /(\{\{|\}\})|\{([^{}]+)\}|([{}])/g

export function lex(template: string): Token[] {
  const tokens: Token[] = []
  let end = 0
  for (const match of template.matchAll(TOKEN)) {
    const [text, double, name] = match
    const start = match.index
    if (start > end)
      tokens.push({ kind: "text", start: end, text: template.slice(end, start) })
    const kind = double !== undefined ? "literal" : name !== undefined ? "name" : "stray"
    tokens.push({ kind, start, text })
    end = start + text.length
  }
  if (end < template.length)
    tokens.push({ kind: "text", start: end, text: template.slice(end) })
  return tokens
}

/** Names that a template uses, in order of first appearance. */
export function namesIn(template: string): string[] {
  const names = lex(template)
    .filter((token) => token.kind === "name")
    .map((token) => token.text.slice(1, -1))
  return [...new Set(names)]
}
