// Looks whether this browser could give a microphone, before anybody presses start. Only what
// is wrong is told to the server; nothing is recorded and nobody is asked.

export default function ({ parentElement, setStateValue }) {
  const root = parentElement.querySelector(".check");
  const state = (root.state ??= { told: "", permission: null });

  async function problem() {
    if (!window.isSecureContext) return "insecure";
    if (!navigator.mediaDevices?.getUserMedia || !window.RTCPeerConnection) return "no_api";
    try {
      state.permission ??= await navigator.permissions.query({ name: "microphone" });
      state.permission.onchange = look;
      if (state.permission.state === "denied") return "denied";
    } catch {
      // This browser does not tell; starting will.
    }
    try {
      const devices = await navigator.mediaDevices.enumerateDevices();
      if (!devices.some((device) => device.kind === "audioinput")) return "no_device";
    } catch {
      return "no_device";
    }
    return "";
  }

  async function look() {
    const found = await problem();
    if (found === state.told) return;
    state.told = found;
    setStateValue("problem", found);
  }

  look();
  navigator.mediaDevices?.addEventListener("devicechange", look);
  return () => navigator.mediaDevices?.removeEventListener("devicechange", look);
}
