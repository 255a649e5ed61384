package main

import (
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress draws a bar for each download.
type progress struct {
	out  io.Writer
	mu   sync.Mutex
	pool *mpb.Progress
	bars map[string]*mpb.Bar
}

func newProgress(out io.Writer) *progress { return &progress{out: out} }

// report is a pull.Progress.
func (p *progress) report(what string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pool == nil {
		p.pool, p.bars = mpb.New(mpb.WithOutput(p.out), mpb.WithWidth(50)), map[string]*mpb.Bar{}
	}
	bar := p.bars[what]
	if bar == nil {
		bar = p.pool.AddBar(max(total, 0),
			mpb.PrependDecorators(decor.Name(what, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f"), decor.Name(" "), decor.AverageSpeed(decor.SizeB1024(0), "% .1f")))
		p.bars[what] = bar
	}
	bar.SetCurrent(done)
}

// finish completes the bars drawn so far.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pool == nil {
		return
	}
	for _, bar := range p.bars {
		bar.SetTotal(-1, true)
	}
	p.pool.Wait()
	p.pool, p.bars = nil, nil
}
