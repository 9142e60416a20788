import { authorizerOf, type DecisionReader, decisions } from "#modules/authorization/decisions/index.ts";
import { type Catalogue, catalogue } from "#operation/declaration/catalogue.ts";
import type { AnyModule, ModuleProcess } from "#operation/declaration/module.ts";
import type { ServedHttpApp } from "#operation/http/http-apps.ts";
import { type Authenticate, admitWith, authenticateWith } from "#operation/kernel/authenticators.ts";
import type { Dispatch } from "#operation/kernel/dispatch.ts";
import { pruneKeys } from "#operation/kernel/idempotency.ts";
import { internalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { Kernel } from "#operation/kernel/kernel.ts";
import { formerVersionsOf } from "#operation/kernel/new-events.ts";
import { serveOverRpc } from "#operation/rpc/client.ts";
import { pruneCalls } from "#operation/rpc/recorded-calls.ts";
import { respond } from "#operation/rpc/responder.ts";
import { type Serve, serveInProcess } from "#operation/transport/serve.ts";
import { type RunningTask, runBackgroundTask } from "#platform/background.ts";
import { pruneMessages } from "#platform/broker/database-broker-store.ts";
import { pruneInbox } from "#platform/broker/inbox.ts";
import { Relay } from "#platform/broker/relay.ts";
import type { WriteHandle } from "#platform/database/database.ts";
import { pruneAll } from "#platform/database/prune.ts";
import type { Job } from "#platform/jobs/jobs.ts";
import type { Consumer, Subscription } from "#platform/log/consumers/consumer.ts";
import { appendedSubject } from "#platform/log/publish.ts";
import { type LogReader, mayRemoveOldEvents, removeOldEvents } from "#platform/log/retention.ts";
import type { Platform } from "#platform/platform.ts";
import { reportStopped } from "#platform/retention/ceiling.ts";
import type { Serving } from "#platform/rpc/rpc.ts";
import { throttled } from "#platform/throttled.ts";
import { registerBrokerGauges } from "./broker-gauges.ts";
import { ClockGuard } from "./clock-guard.ts";
import type { Configuration } from "./configuration.ts";
import { registerConsumerGauges } from "./consumer-gauges.ts";
import { registerGauges } from "./gauges.ts";
import { openHttpApps, servedElsewhere, servedHere } from "./http-apps.ts";
import { initializeCounters } from "./initial-counters.ts";
import { logReaders, manifests, pruneKeysQueue, pruneMessagesQueue, queues, removeOldEventsQueue, retiredQueues } from "./modules.ts";
import { type Overrides, openPorts, type Ports } from "./ports.ts";
import { callsOtherProcesses, type Role } from "./roles.ts";
import { registerStalledQueuesGauge, StalledQueues } from "./stalled-queues.ts";

const pruneKeysWork = ({ clock, database }: Platform): Job<object> => ({
  name: pruneKeysQueue,
  schedule: "41 * * * *",
  async handle() {
    const now = new Date(clock.now());
    await pruneAll(database, (tx, limit) => pruneKeys(tx, now, limit));
  },
});

/** After a commit notification a process reads the log at once, but at most this often: each read is a statement. */
const readLogPauseMs = 5;

function readLog({ log, consumers }: Platform): void {
  void log.catchUp();
  consumers.wake();
}
/** Deletes inbox entries that no broker redelivers, and messages of the embedded broker that expired unconsumed. */
const pruneMessagesWork = ({ clock, database }: Platform): Job<object> => ({
  name: pruneMessagesQueue,
  schedule: "23 * * * *",
  async handle() {
    const now = new Date(clock.now());
    await pruneAll(database, (tx, limit) => pruneInbox(tx, now, limit));
    await pruneAll(database, (tx, limit) => pruneMessages(tx, now, limit));
    await pruneAll(database, (tx, limit) => pruneCalls(tx, now, limit));
  },
});

const dayMs = 86_400_000;

/** Removes the events whose retention time has passed. */
const removeOldEventsWork = ({ clock, database, logger, settings }: Platform, readers: readonly LogReader[]): Job<object> => ({
  name: removeOldEventsQueue,
  schedule: "33 * * * *",
  async handle() {
    if (settings.eventDays === 0) return;
    const before = new Date(clock.now() - settings.eventDays * dayMs);
    if (!(await mayRemoveOldEvents(database, before))) return reportStopped(logger, "log.events");
    const removed = await removeOldEvents(database, { readers, before });
    if (removed > 0) logger.info({ removed, before }, "old events were removed from the log");
  },
});

/** A process: ports, modules, and the worker that updates projections and sends mails. */
export interface Application {
  readonly catalogue: Catalogue;
  readonly kernel: Kernel;
  readonly platform: Platform;
  readonly inbox: Ports["inbox"];
  readonly lost: Ports["lost"];
  readonly dispatch: Dispatch;
  /** Serves an operation here where this process has its role, and in another process otherwise. */
  readonly serve: Serve;
  /** Resolves a token to its principal, by the authenticators of the modules. */
  readonly authenticate: Authenticate;
  readonly reader: DecisionReader;
  /** The HTTP applications of the modules: those of this process where it has the role `command`, else those of another process. */
  readonly httpApps: readonly ServedHttpApp[];
  /** The worker's queues; undefined until the worker runs. */
  readonly queues: StalledQueues | undefined;
  /** Starts to answer calls of other processes: the roles query and command. */
  startAnswering(): Promise<void>;
  /** Starts to consume events and to run jobs: the worker's role. */
  startWorker(): Promise<void>;
  /** Resolves when every consumer has handled what is in the log. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens the ports, migrates, and starts to serve operations. Background work runs only after {@link Application.startWorker}. */
export async function assemble(configuration: Configuration, overrides: Overrides = {}): Promise<Application> {
  const modules = [...manifests, ...(overrides.modules ?? [])];
  const known = catalogue(modules);
  const ports = await openPorts(configuration, { queues, retiredQueues, formerVersions: formerVersionsOf(known) }, overrides);
  const { platform } = ports;
  const { settings } = configuration;
  try {
    const kernel = new Kernel(known, platform);
    const reader = kernel.stateOf<DecisionReader>(decisions);
    kernel.authorizeWith(authorizerOf(reader));
    const readers = logReaders(configuration.eventsUrl !== undefined);
    registerGauges(platform, readers);
    platform.log.onRestart(() => platform.metrics.logRestarts.inc());
    initializeCounters(platform, known);
    await platform.log.start();
    await reader.start();
    const processOf = (module: AnyModule): ModuleProcess => ({
      platform,
      state: kernel.stateOf(module),
      uses: (db) => kernel.apisFor(module, { db, now: new Date(platform.clock.now()) }),
    });
    const authenticators = modules.flatMap(({ module, authenticators }) => authenticators?.(processOf(module)) ?? []);
    for (const authenticator of authenticators) authenticator.start?.();
    const authenticate = authenticateWith(authenticators);
    if (configuration.natsUrl !== undefined)
      await platform.rpc.listen(
        appendedSubject,
        throttled(readLogPauseMs, () => readLog(platform)),
      );
    // The start operations write, so a process that only answers queries does not run them.
    const writes = configuration.roles.has("command") || configuration.roles.has("worker");
    const dispatch = internalDispatch(kernel.dispatch);
    for (const { name } of writes ? modules.flatMap((manifest) => manifest.atStart ?? []) : []) await dispatch.byName(name, {});
    const runsApps = configuration.roles.has("command");
    const apps = runsApps
      ? openHttpApps(modules, ({ module }) => ({ ...processOf(module), ...kernel.appProcessOf(module), dispatch, authenticate }))
      : [];
    const subscriptions: Subscription[] = [];
    const answering: Serving[] = [];
    const here = serveInProcess(kernel.dispatch, authenticate, {
      admit: admitWith(authenticators),
      refused: (call, began) => kernel.auditRefused(call, began),
    });
    let relay: Relay | undefined;
    let stalled: StalledQueues | undefined;
    const background: RunningTask[] = [];
    const clockGuard = new ClockGuard(platform);
    return {
      catalogue: known,
      kernel,
      platform,
      inbox: ports.inbox,
      lost: ports.lost,
      dispatch: kernel.dispatch,
      serve: callsOtherProcesses(configuration.roles)
        ? byRole(configuration.roles, here, serveOverRpc(platform.rpc, known, platform))
        : here,
      authenticate,
      reader,
      httpApps: runsApps ? servedHere(apps) : servedElsewhere(modules, platform),
      get queues() {
        return stalled;
      },
      async startAnswering() {
        if (configuration.natsUrl === undefined) return;
        for (const kind of ["query", "command"] as const) {
          if (!configuration.roles.has(kind)) continue;
          const report = (error: unknown, about: object) => platform.logger.error({ err: error, ...about }, "a request failed");
          answering.push(
            await respond(kind, {
              rpc: platform.rpc,
              catalogue: known,
              serve: here,
              apps,
              log: platform.log,
              publicUrl: settings.publicUrl,
              serviceCalls: configuration.natsServiceCalls,
              database: platform.database,
              report,
            }),
          );
        }
      },
      async startWorker() {
        await clockGuard.start();
        const consuming: Consumer[] = [];
        for (const { module, consumers } of modules) {
          const apis = (tx: WriteHandle) => kernel.apisFor(module, { db: tx as never, now: new Date(platform.clock.now()) });
          for (const consumer of consumers?.(platform, apis) ?? []) {
            consuming.push(consumer);
            subscriptions.push(await platform.consumers.consume(consumer));
          }
        }
        registerConsumerGauges(platform, consuming, reader);
        const backlogs = modules.flatMap((manifest) => manifest.backlogs ?? []);
        stalled = new StalledQueues(platform.database, backlogs, consuming);
        registerStalledQueuesGauge(platform, stalled);
        for (const task of modules.flatMap((manifest) => manifest.background?.(platform, kernel.catalogue.byName) ?? [])) {
          background.push(runBackgroundTask(task, platform.logger));
        }
        for (const job of modules.flatMap((manifest) => manifest.jobs?.(platform, dispatch) ?? [])) await platform.jobs.work(job);
        await platform.jobs.work(pruneKeysWork(platform));
        await platform.jobs.work(pruneMessagesWork(platform));
        await platform.jobs.work(removeOldEventsWork(platform, readers));
        const receiving = modules.flatMap((manifest) => manifest.brokerConsumers?.(platform, dispatch) ?? []);
        registerBrokerGauges(
          platform,
          receiving.map((consumer) => ({ consumer, subscription: platform.broker.consume(consumer) })),
        );
        if (configuration.eventsUrl !== undefined) relay = startRelay(platform, known);
      },
      async settled() {
        for (const subscription of subscriptions) await subscription.idle();
        await kernel.auditBuffer.flush();
        for (const task of background) await task.idle();
        await platform.log.catchUp();
      },
      async stop() {
        await Promise.all(answering.map((serving) => serving.drain()));
        await clockGuard.stop();
        await relay?.close();
        await kernel.auditBuffer.settle();
        for (const task of background) await task.close();
        for (const app of apps) await app.close?.();
        for (const authenticator of authenticators) await authenticator.stop?.();
        await reader.stop();
        await ports.close();
      },
    };
  } catch (error) {
    await ports.close();
    throw error;
  }
}

const byRole =
  (roles: ReadonlySet<Role>, here: Serve, elsewhere: Serve): Serve =>
  (received) =>
    (roles.has(received.operation.kind) ? here : elsewhere)(received);
/** Publishes the log's events to the broker. Appends of every process wake it, those of this process at once. */
function startRelay({ broker, database, log, logger, metrics, settings }: Platform, known: Catalogue): Relay {
  const internal = new Set(known.events.filter((event) => event.internal).map((event) => event.type));
  const leaves = (type: string): boolean => !internal.has(type);
  const relay = new Relay({ database, broker, source: settings.publicUrl, leaves, logger, metrics });
  log.onEvent(() => relay.wake());
  log.onRestart(() => relay.restart());
  relay.start();
  return relay;
}
