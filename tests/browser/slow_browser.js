// Runs in the page before its own scripts: the browser answers as late as a test wants. Knows nothing of the page.
window.slow = {
  held: null, // "microphone" or "permission": what is answered late
  asked: 0, // how often for a microphone
  streams: [], // every one that was given, in the order of asking
  waiting: [], // answers held back; called, each goes

  async hold(what, answer) {
    if (what === this.held) await new Promise((resolve) => this.waiting.push(resolve));
    return answer;
  },

  /** Answers come at once again, those held back too; resolves when the page has had them. */
  async letGo() {
    this.held = null;
    this.waiting.splice(0).forEach((resolve) => resolve());
    await new Promise((resolve) => setTimeout(resolve));
  },

  /** How many microphones are on. */
  get live() {
    return this.streams.filter((stream) => stream.getTracks()[0].readyState === "live").length;
  },
};

{
  const { mediaDevices, permissions } = navigator;
  const open = mediaDevices.getUserMedia.bind(mediaDevices);
  const query = permissions.query.bind(permissions);
  mediaDevices.getUserMedia = async (wish) => {
    slow.asked += 1;
    const stream = await open(wish);
    slow.streams.push(stream);
    return slow.hold("microphone", stream);
  };
  permissions.query = async (wish) => slow.hold("permission", await query(wish));
}
