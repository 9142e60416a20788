/** Matches topics against `patterns`: `*` is one word, `#` at the end one or more (RabbitMQ's topic exchange). */
export function topicMatcher(patterns: readonly string[]): (topic: string) => boolean {
  const expressions = patterns.map(expressionOf);
  return (topic) => expressions.some((expression) => expression.test(topic));
}

function expressionOf(pattern: string): RegExp {
  const words = pattern.split(".");
  const expressions = words.map((word, index) => {
    if (word === "#" && index === words.length - 1) return ".+";
    if (word === "*") return "[^.]+";
    if (!/^[a-z0-9_-]+$/.test(word)) throw new Error(`${pattern} is no pattern of topics`);
    return word;
  });
  return new RegExp(`^${expressions.join("\\.")}$`);
}
