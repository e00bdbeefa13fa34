// Runs in a page: a publisher by WHIP and a player by WHEP, as any page would write them, with candidates by PATCH.
window.ends = {
  connection: null,
  location: "",
  links: "",

  /** Publish the microphone and a drawn video. */
  async publish(url) {
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    this.drawing = setInterval(() => context.fillRect(Math.random() * 300, 0, 9, 9), 40);
    const connection = new RTCPeerConnection();
    connection.addTransceiver(stream.getAudioTracks()[0], { direction: "sendonly", streams: [stream] });
    connection.addTransceiver(canvas.captureStream().getVideoTracks()[0], { direction: "sendonly", streams: [stream] });
    return this.connect(connection, url);
  },

  async watch(url) {
    const connection = new RTCPeerConnection();
    connection.addTransceiver("audio", { direction: "recvonly" });
    connection.addTransceiver("video", { direction: "recvonly" });
    const video = document.body.appendChild(document.createElement("video"));
    video.autoplay = true;
    video.muted = true;
    this.streams = new Set();
    connection.ontrack = ({ streams: [stream] }) => {
      this.streams.add(stream.id);
      video.srcObject = stream;
    };
    this.video = video;
    observer.context = new AudioContext();
    return this.connect(connection, url);
  },

  /** POST the offer before there are candidates, then PATCH them in one request. */
  async connect(connection, url) {
    this.connection = connection;
    const candidates = [];
    const gathered = new Promise((resolve) => {
      connection.onicecandidate = ({ candidate }) => (candidate?.candidate ? candidates.push(candidate) : resolve());
    });
    const offer = await connection.createOffer();
    const made = await fetch(url, { method: "POST", body: offer.sdp, headers: { "Content-Type": "application/sdp" } });
    if (made.status !== 201) throw new Error(`${made.status}: ${await made.text()}`);
    this.location = made.headers.get("Location");
    this.links = made.headers.get("Link") ?? "";
    const answer = await made.text();
    await connection.setLocalDescription(offer);
    await connection.setRemoteDescription({ type: "answer", sdp: answer });
    await gathered;
    const [ufrag, pwd] = ["ufrag", "pwd"].map((name) => offer.sdp.match(`a=ice-${name}:.*`)[0]);
    const first = candidates[0]?.sdpMid ?? "0";
    const lines = candidates.filter((each) => each.sdpMid === first).map((each) => `a=${each.candidate}`);
    const body = [ufrag, pwd, "m=audio 9 UDP/TLS/RTP/SAVPF 111", `a=mid:${first}`, ...lines, "a=end-of-candidates", ""];
    const headers = { "Content-Type": "application/trickle-ice-sdpfrag" };
    const patched = await fetch(this.location, { method: "PATCH", body: body.join("\r\n"), headers });
    return patched.status;
  },

  async leave() {
    clearInterval(this.drawing);
    const { status } = await fetch(this.location, { method: "DELETE" });
    return status;
  },

  get state() {
    return this.connection.connectionState;
  },
};
