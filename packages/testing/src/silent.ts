import { pino } from "pino";

/** A logger for tests to whom the log says nothing. */
export const silent = pino({ level: "silent" });
