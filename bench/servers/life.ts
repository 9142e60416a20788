/** Reports that a reference server listens, and ends it with the bench: on SIGTERM, or when its input closes. */
export function ready(what: string | number, close: () => Promise<unknown>): void {
  const end = () => {
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", end);
  process.stdin.once("end", end).resume();
  process.stdout.write(`ready ${what}\n`);
}

export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}

export function portOf(address: unknown): number {
  return (address as { port: number }).port;
}
