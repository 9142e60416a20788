/** A stretch of TypeScript source: code, a comment, or the text of a string or template. */
export interface Segment {
  readonly kind: "code" | "comment" | "text";
  readonly text: string;
  /** The line that the segment begins on, from 1. */
  readonly line: number;
}

/** A regular expression literal may hold quotes: it begins where no value can end before it. */
const beforeRegex = /(?:^|[=([{,;:!&|?+\n>]|\breturn|\bcase|\btypeof)\s*$/;

interface Found {
  readonly kind: Segment["kind"];
  readonly end: number;
}

/** Splits a source into segments, in order; together they are the whole source. Substitutions in templates are code. */
export function segmentsOf(source: string): readonly Segment[] {
  const segments: Segment[] = [];
  let line = 1;
  const add = (kind: Segment["kind"], text: string): void => {
    if (text === "") return;
    segments.push({ kind, text, line });
    line += text.split("\n").length - 1;
  };
  // For each open template, how many braces are open inside its substitution.
  const templates: number[] = [];
  let codeFrom = 0;
  let at = 0;
  const take = ({ kind, end }: Found): void => {
    add("code", source.slice(codeFrom, at));
    add(kind, source.slice(at, end));
    at = end;
    codeFrom = end;
  };
  const templateText = (from: number): Found => {
    const end = endOfTemplateText(source, from);
    if (source.startsWith("${", end - 2)) templates.push(0);
    return { kind: "text", end };
  };
  while (at < source.length) {
    const char = source[at] as string;
    if (source.startsWith("//", at)) take({ kind: "comment", end: endOf(source, "\n", at + 2, 0) });
    else if (source.startsWith("/*", at)) take({ kind: "comment", end: endOf(source, "*/", at + 2, 2) });
    else if (char === '"' || char === "'") take({ kind: "text", end: endOfString(source, at, char) });
    else if (char === "/" && beforeRegex.test(source.slice(Math.max(0, at - 12), at))) take({ kind: "text", end: endOfRegex(source, at) });
    else if (char === "`") take(templateText(at + 1));
    else if (char === "}" && templates.at(-1) === 0) {
      templates.pop();
      take(templateText(at + 1));
    } else {
      const open = templates.length - 1;
      if (open >= 0 && char === "{") templates[open] = (templates[open] as number) + 1;
      if (open >= 0 && char === "}") templates[open] = (templates[open] as number) - 1;
      at += 1;
    }
  }
  add("code", source.slice(codeFrom));
  return segments;
}

function endOf(source: string, mark: string, from: number, length: number): number {
  const found = source.indexOf(mark, from);
  return found === -1 ? source.length : found + length;
}

function endOfString(source: string, from: number, quote: string): number {
  for (let at = from + 1; at < source.length; at += 1) {
    if (source[at] === "\\") at += 1;
    else if (source[at] === quote || source[at] === "\n") return at + 1;
  }
  return source.length;
}

function endOfRegex(source: string, from: number): number {
  let inClass = false;
  for (let at = from + 1; at < source.length; at += 1) {
    const char = source[at];
    if (char === "\\") at += 1;
    else if (char === "\n") return at;
    else if (char === "[") inClass = true;
    else if (char === "]") inClass = false;
    else if (char === "/" && !inClass) return at + 1;
  }
  return source.length;
}

/** Behind the closing back quote, or behind the `${` of the next substitution. */
function endOfTemplateText(source: string, from: number): number {
  for (let at = from; at < source.length; at += 1) {
    if (source[at] === "\\") at += 1;
    else if (source[at] === "`") return at + 1;
    else if (source.startsWith("${", at)) return at + 2;
  }
  return source.length;
}
