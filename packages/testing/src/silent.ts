import { pino } from "pino";

/** A logger that logs nothing. */
export const silent = pino({ level: "silent" });
