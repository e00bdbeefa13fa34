// Feeds the panel: each second's report of the call, with the server's own figures for the session.

import * as api from "./api.js";
import { figures, pick } from "./stats.js";

const QUIET_TICKS = 5; // with the panel closed, only the number of viewers is shown: every 5 s is enough

export class StatsFeed {
  #before = null;
  #server = null;
  #tick = 0;
  latest = null; // the newest figures

  constructor(panel) {
    this.panel = panel;
  }

  clear() {
    [this.#before, this.#server, this.#tick, this.latest] = [null, null, 0, null];
    this.panel.clear();
  }

  /** url: of the speaker's session, or null for a viewer. Resolves to the server's figures, or null. */
  async take(report, url) {
    if (url && (this.panel.isOpen || this.#tick % QUIET_TICKS === 0)) this.#server = await this.#ask(url);
    this.#tick += 1;
    const now = pick(report);
    this.latest = figures(now, this.#before, this.#server);
    this.#before = now;
    if (this.panel.isOpen) this.panel.show(this.latest);
    return this.#server;
  }

  async #ask(url) {
    try {
      return await api.readSession(url);
    } catch (error) {
      if (!(error instanceof api.Problem)) throw error;
      return null; // the figures pause; whether the session is lost is for the visit to notice
    }
  }
}
