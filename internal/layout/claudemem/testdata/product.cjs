// Runs claude-mem's own SessionStore over a store: product.cjs write|read|add STORE.
const path = require('path')
const { SessionStore } = require(path.join(process.env.MEMARC_TEST_CLAUDEMEM, 'node_modules/claude-mem/plugin/sqlite/SessionStore.js'))

const [, , mode, file] = process.argv
const store = new SessionStore(file)
if (mode === 'write') {
  for (let n = 0; n < 3; n++) {
    const content = `content-${n}`, memory = `memory-${n}`
    const id = store.createSDKSession(content, `project ${n}`, `What about the otter ${n}?`)
    store.ensureMemorySessionIdRegistered(id, memory)
    store.saveUserPrompt(content, 1, `What about the otter ${n}? ☃`, id)
    for (let k = 0; k < 4; k++) {
      store.storeObservation(memory, `project ${n}`, {
        type: ['discovery', 'bugfix', 'decision', 'feature'][k], title: `Otter ${n}.${k} – ☃`, subtitle: k % 2 ? null : 'afloat', facts: ['one', 'two "quoted"'],
        narrative: k === 3 ? null : `The otter\nsleeps ${n}.${k}`, concepts: ['how-it-works', 'ü'], files_read: ['a.go'], files_modified: [],
        agent_type: 'explorer', agent_id: k === 2 ? 'agent-7' : null, metadata: k === 1 ? JSON.stringify({ a: 1 }) : null,
      }, 1, 12, 1772323200000 + n * 1000 + k, 'some-model')
    }
    store.storeSummary(memory, `project ${n}`, { request: 'r', investigated: 'i', learned: 'l', completed: 'c', next_steps: 'n', notes: null, files_read: [], files_edited: ['b.go'] }, 1, 3, 1772323300000 + n)
    store.markSessionCompleted(id)
  }
}
const ids = store.db.query('SELECT id FROM observations ORDER BY id').all().map((r) => r.id)
const out = {
  observations: store.getObservationsByIds(ids, { orderBy: 'date_asc' }),
  sessions: store.getSdkSessionsBySessionIds(store.db.query('SELECT memory_session_id FROM sdk_sessions').all().map((r) => r.memory_session_id)),
  dangling: store.db.query('PRAGMA foreign_key_check').all().length,
}
if (mode === 'add') { // a memory that somebody saves by hand, and once more what is there
  const project = out.observations[0].project, session = store.getOrCreateManualSession(project)
  const save = (title, narrative) => store.storeObservation(session, project, { type: 'discovery', title, subtitle: null, facts: [], narrative, concepts: [], files_read: [], files_modified: [] }, 0, 0)
  out.added = save('by hand', 'a memory by hand').id
  const known = store.db.query('SELECT id, title, narrative FROM observations WHERE memory_session_id = ? ORDER BY id LIMIT 1').get(session)
  out.known = known.id
  out.again = save(known.title, known.narrative).id
}
store.close()
console.log(JSON.stringify(out))
