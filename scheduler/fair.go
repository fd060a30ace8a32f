package scheduler

// ledger holds what the tenants of one priority level have used of the instances,
// so that the next row can come from the one that has used least for its weight. It
// is start-time fair queueing with measured costs: a row is charged what it is
// expected to cost when it is taken, and the difference when the batch has run
// (Sheng et al., "Fairness in Serving Large Language Models", 2024, counts the same
// way). It is pure; the loop owns it.
type ledger struct {
	weight   func(tenant string) float64 // nil: all 1
	accounts map[string]*account
	active   heap[*account] // those with calls that wait or run, the one that has used least first
	weights  float64        // of the active ones
}

// account is one tenant's.
type account struct {
	tenant string
	weight float64
	used   float64 // seconds of the instances, over the weight
	calls  int     // that wait or run
	rows   int     // that wait
	queued int     // calls that wait
	heapAt int
}

func newLedger(weight func(string) float64) *ledger {
	return &ledger{weight: weight, accounts: map[string]*account{}, active: heap[*account]{
		before: func(a, b *account) bool { return a.used < b.used },
		placed: func(a *account, at int) { a.heapAt = at },
	}}
}

// arrive counts a call that begins to wait. A tenant that returns from idleness
// starts at the least that an active one has used: it has no claim on the time that
// it let pass.
func (l *ledger) arrive(tenant string, rows int) *account {
	a := l.accounts[tenant]
	if a == nil {
		a = &account{tenant: tenant}
		l.accounts[tenant] = a
	}
	if a.calls == 0 {
		a.weight = l.weightOf(tenant)
		if len(l.active.items) > 0 {
			a.used = max(a.used, l.active.items[0].used)
		}
		l.weights += a.weight
		l.active.push(a)
	}
	a.calls++
	a.queued++
	a.rows += rows
	return a
}

func (l *ledger) weightOf(tenant string) float64 {
	if l.weight == nil {
		return 1
	}
	return max(l.weight(tenant), leastWeight)
}

// leastWeight keeps a tenant of weight 0 from dividing by it.
const leastWeight = 1e-3

// take charges a call that goes from the waiting ones into a batch what it is
// expected to cost, in seconds.
func (l *ledger) take(a *account, rows int, seconds float64) {
	a.queued--
	a.rows -= rows
	l.charge(a, seconds)
}

// settle ends a call that ran, with what it cost beyond what take charged.
func (l *ledger) settle(a *account, calls int, seconds float64) {
	l.charge(a, seconds)
	l.leave(a, calls)
}

// drop ends a call that waited and will not run.
func (l *ledger) drop(a *account, rows int) {
	a.queued--
	a.rows -= rows
	l.leave(a, 1)
}

func (l *ledger) charge(a *account, seconds float64) {
	a.used = max(0, a.used+seconds/a.weight)
	l.active.fix(a.heapAt)
}

func (l *ledger) leave(a *account, calls int) {
	if a.calls -= calls; a.calls > 0 {
		return
	}
	l.active.remove(a.heapAt)
	l.weights -= a.weight
	switch {
	case len(l.active.items) == 0: // nobody has to be made up for
		l.weights = 0
		if a.used = 0; len(l.accounts) > 1 {
			clear(l.accounts)
		}
	case len(l.accounts) > 2*len(l.active.items)+keptAccounts:
		l.forget()
	}
}

// keptAccounts is how many idle accounts are kept at any rate.
const keptAccounts = 64

// forget drops the idle accounts that would start at the least of the active ones
// anyway, and the others too where there are far too many.
func (l *ledger) forget() {
	least := l.active.items[0].used
	for tenant, a := range l.accounts {
		if a.calls == 0 && (a.used <= least || len(l.accounts) > 4*len(l.active.items)+4*keptAccounts) {
			delete(l.accounts, tenant)
		}
	}
}

// share is a tenant's part of all, from above 0 to 1.
func (l *ledger) share(a *account) float64 { return a.weight / max(l.weights, a.weight) }

// greediest returns the account that has the most waiting calls for its weight.
func (l *ledger) greediest() *account {
	var most *account
	for _, a := range l.active.items {
		if most == nil || float64(a.queued)*most.weight > float64(most.queued)*a.weight {
			most = a
		}
	}
	return most
}
