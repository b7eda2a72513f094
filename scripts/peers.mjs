export function installPeers() {}
