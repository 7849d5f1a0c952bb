// The load of tests/chaos/load.rs through the v2 client of etcd itself, for comparison: the same mix, the same values, and
// the same notes of what callers were told, printed as JSON. Used as the documentation of that client shows.
//
//	chaos ENDPOINTS THREADS SEED        runs until its input ends
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client"
)

const (
	deadline = 10 * time.Second
	counters = 4
	cells    = 8
)

type calls struct {
	Times    []uint32 `json:"times"`
	Answered int      `json:"answered"`
	Lost     int      `json:"lost"`
	Unknown  int      `json:"unknown"`
	Failed   int      `json:"failed"`
}

type cell struct {
	Applied *uint64 `json:"applied"`
	Unknown *uint64 `json:"unknown"`
}

type ledger struct {
	Calls    map[string]*calls    `json:"calls"`
	Cells    map[string]*cell     `json:"cells"`
	Counters map[string][2]uint64 `json:"counters"`
	Created  map[string]string    `json:"created"`
	Statuses map[string]int       `json:"statuses"`
	LateUs   int64                `json:"late_us"`
	Wrong    []string             `json:"wrong"`
}

const (
	applied    = "Applied"
	unknown    = "Unknown"
	notApplied = "NotApplied"
)

// splitmix64, as in dice.rs
type dice uint64

func (d *dice) below(n uint64) uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return (z ^ (z >> 31)) % n
}

// the longest time in which nobody's write was acknowledged
var pulse struct {
	sync.Mutex
	last    time.Time
	longest time.Duration
}

func beat() {
	pulse.Lock()
	defer pulse.Unlock()
	now := time.Now()
	if !pulse.last.IsZero() && now.Sub(pulse.last) > pulse.longest {
		pulse.longest = now.Sub(pulse.last)
	}
	pulse.last = now
}

type worker struct {
	keys   client.KeysAPI
	number int
	dice   dice
	cells  []string
	value  uint64
	ledger
}

func newWorker(keys client.KeysAPI, number int, seed uint64) *worker {
	w := &worker{keys: keys, number: number, dice: dice(seed)}
	w.Calls = map[string]*calls{}
	w.Cells = map[string]*cell{}
	w.Counters = map[string][2]uint64{}
	w.Created = map[string]string{}
	w.Statuses = map[string]int{}
	for i := 0; i < cells; i++ {
		w.cells = append(w.cells, w.newCell())
	}
	return w
}

func (w *worker) newCell() string {
	key := fmt.Sprintf("/chaos/cells/%d-%d", w.number, len(w.Cells))
	w.Cells[key] = &cell{}
	return key
}

func (w *worker) work(over *int32) {
	for atomic.LoadInt32(over) == 0 {
		switch n := w.dice.below(10); {
		case n <= 2:
			w.read("Read", w.cells[w.dice.below(cells)], false)
		case n == 3:
			w.quorumRead()
		case n <= 6:
			w.set()
		case n <= 8:
			w.increment()
		default:
			w.create()
		}
	}
	for key, cell := range w.Cells {
		if cell.Applied == nil && cell.Unknown == nil {
			delete(w.Cells, key)
		}
	}
}

func (w *worker) nextValue() uint64 {
	w.value++
	return w.value
}

func (w *worker) read(kind, key string, quorum bool) (*client.Response, error) {
	return w.call(kind, func(ctx context.Context) (*client.Response, error) {
		return w.keys.Get(ctx, key, &client.GetOptions{Quorum: quorum})
	})
}

func (w *worker) quorumRead() {
	key := w.cells[w.dice.below(cells)]
	response, err := w.read("QuorumRead", key, true)
	read := "nothing"
	if err == nil {
		read = response.Node.Value
	} else if code(err) != client.ErrorCodeKeyNotFound {
		return
	}
	told := "nothing"
	if v := w.Cells[key].Applied; v != nil {
		told = strconv.FormatUint(*v, 10)
	}
	if read != told {
		w.Wrong = append(w.Wrong, fmt.Sprintf("%s: a quorum read says %s after %s", key, read, told))
	}
}

func (w *worker) set() {
	i := w.dice.below(cells)
	key, value := w.cells[i], w.nextValue()
	fate := w.write("Set", func(ctx context.Context) (*client.Response, error) {
		return w.keys.Set(ctx, key, strconv.FormatUint(value, 10), nil)
	})
	switch fate {
	case applied:
		w.Cells[key].Applied = &value
	case unknown:
		w.Cells[key].Unknown = &value
		w.cells[i] = w.newCell()
	}
}

func (w *worker) increment() {
	key := fmt.Sprintf("/chaos/counters/%d", w.dice.below(counters))
	now, err := w.read("QuorumRead", key, true)
	if err != nil {
		return
	}
	value, err := strconv.ParseUint(now.Node.Value, 10, 64)
	if err != nil {
		panic(err)
	}
	fate := w.write("Swap", func(ctx context.Context) (*client.Response, error) {
		next := strconv.FormatUint(value+1, 10)
		return w.keys.Set(ctx, key, next, &client.SetOptions{PrevIndex: now.Node.ModifiedIndex})
	})
	sum := w.Counters[key]
	switch fate {
	case applied:
		sum[0]++
	case unknown:
		sum[1]++
	}
	w.Counters[key] = sum
}

func (w *worker) create() {
	value := fmt.Sprintf("%d-%d", w.number, w.nextValue())
	w.Created[value] = w.write("Create", func(ctx context.Context) (*client.Response, error) {
		return w.keys.CreateInOrder(ctx, "/chaos/in-order", value, nil)
	})
}

func (w *worker) write(kind string, call func(context.Context) (*client.Response, error)) string {
	_, err := w.call(kind, call)
	switch {
	case err == nil:
		beat()
		return applied
	case code(err) != 0:
		return notApplied
	default:
		// nothing in the error tells whether a request had left
		return unknown
	}
}

// code is that of etcd, or 0.
func code(err error) int {
	if e, ok := err.(client.Error); ok {
		return e.Code
	}
	return 0
}

func (w *worker) call(kind string, call func(context.Context) (*client.Response, error)) (*client.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	started := time.Now()
	response, err := call(ctx)
	took := time.Since(started)
	if late := (took - deadline).Microseconds(); late > w.LateUs {
		w.LateUs = late
	}
	c := w.Calls[kind]
	if c == nil {
		c = &calls{}
		w.Calls[kind] = c
	}
	c.Times = append(c.Times, uint32(took.Microseconds()))
	switch {
	case err == nil, code(err) == client.ErrorCodeKeyNotFound:
		c.Answered++
		return response, err
	case code(err) == client.ErrorCodeTestFailed:
		c.Answered++
		c.Lost++
		return response, err
	case code(err) != 0 || kind == "Read" || kind == "QuorumRead":
		c.Failed++
	default:
		c.Unknown++
	}
	name := fmt.Sprintf("%T", err)
	if err == context.DeadlineExceeded {
		name = "DeadlineExceeded"
	}
	w.Statuses[name]++
	return response, err
}

func main() {
	threads, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	seed, err := strconv.ParseUint(os.Args[3], 10, 64)
	if err != nil {
		panic(err)
	}
	c, err := client.New(client.Config{
		Endpoints: strings.Split(os.Args[1], ","),
		Transport: client.DefaultTransport,
		// without it a member that is stopped holds every call until its deadline
		HeaderTimeoutPerRequest: time.Second,
	})
	if err != nil {
		panic(err)
	}
	var over int32
	var wait sync.WaitGroup
	workers := make([]*worker, threads)
	for i := range workers {
		workers[i] = newWorker(client.NewKeysAPI(c), i, seed^uint64(i+1)<<32)
		wait.Add(1)
		go func(w *worker) {
			defer wait.Done()
			w.work(&over)
		}(workers[i])
	}
	io.Copy(io.Discard, os.Stdin)
	atomic.StoreInt32(&over, 1)
	wait.Wait()
	ledgers := make([]ledger, threads)
	for i, w := range workers {
		ledgers[i] = w.ledger
	}
	answer := map[string]interface{}{"gap_us": pulse.longest.Microseconds(), "ledgers": ledgers}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		panic(err)
	}
}
