// Preloaded into api and worker: when the starter is gone, however it went, they end in good order too.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
