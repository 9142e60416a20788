import { expect, it } from "vitest";
import { ScramServer } from "./scram-server.ts";

// Checks the test server against the example of RFC 7677 §3, so that it cannot share an error with the client.
const example = { salt: Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"), nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" };
const clientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const withoutProof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const started = (password: string) => {
  const server = new ScramServer("sha256", { username: "user", password }, example);
  return { server, first: server.first(clientFirst) };
};

it("the SCRAM test server reproduces the example of RFC 7677", () => {
  const { server, first } = started("pencil");
  expect(first).toBe("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  expect(server.final(`${withoutProof},p=${proof}`)).toBe("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
});

it("the SCRAM test server rejects a proof of another password, exchange or user, and any before the first message", () => {
  expect(started("pen").server.final(`${withoutProof},p=${proof}`)).toBeUndefined();
  expect(started("pencil").server.final(`${withoutProof}x,p=${proof}`)).toBeUndefined();
  expect(started("pencil").server.final(`${withoutProof},p=${Buffer.alloc(32).toString("base64")}`)).toBeUndefined();
  expect(new ScramServer("sha256", { username: "other", password: "pencil" }, example).first(clientFirst)).toBeUndefined();
  expect(new ScramServer("sha256", { username: "user", password: "pencil" }, example).final(`${withoutProof},p=${proof}`)).toBeUndefined();
});
