package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"charm.land/bubbles/v2/progress"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
)

const (
	// keptNotes is how many notes stay on the screen.
	keptNotes = 8
	barWidth  = 50
	// framesPerSecond is plenty for two views per second.
	framesPerSecond = 5
)

// Terminal is a display that redraws itself in place.
type Terminal struct {
	program *tea.Program
	done    chan error
}

// NewTerminal draws on a terminal. cancel is called when the person in front of
// it presses ctrl-C or q. Close has to be called.
func NewTerminal(in *os.File, out io.Writer, cancel context.CancelFunc) *Terminal {
	t := &Terminal{
		program: tea.NewProgram(screen{cancel: cancel, bar: progress.New(progress.WithWidth(barWidth))},
			tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond)),
		done: make(chan error, 1),
	}
	go func() {
		_, err := t.program.Run()
		if err != nil {
			cancel() // a screen that is gone must not leave the demo running unseen
		}
		t.done <- err
	}()
	return t
}

// Show draws the view.
func (t *Terminal) Show(v View) { t.program.Send(v) }

// Note draws the line below.
func (t *Terminal) Note(text string) { t.program.Send(note(text)) }

// Close gives the terminal back.
func (t *Terminal) Close() error {
	t.program.Quit()
	if err := <-t.done; err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return nil
}

type note string

// screen is the model that is drawn.
type screen struct {
	cancel   context.CancelFunc
	bar      progress.Model
	view     View
	notes    []string
	stopping bool
}

// Init has nothing to begin with.
func (screen) Init() tea.Cmd { return nil }

// Update takes a view, a note or a key.
func (s screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case View:
		s.view = m
	case note:
		s.notes = append(s.notes[:len(s.notes):len(s.notes)], string(m))
		if over := len(s.notes) - keptNotes; over > 0 {
			s.notes = s.notes[over:]
		}
	case tea.KeyPressMsg:
		if key := m.String(); key == "ctrl+c" || key == "q" {
			s.stopping = true
			s.cancel()
		}
	}
	return s, nil
}

// View draws everything.
func (s screen) View() tea.View {
	var b strings.Builder
	title := s.view.Act
	if s.stopping {
		title = "stopping"
	}
	fmt.Fprintf(&b, "\n%s\n\n%s  %s left\n\n", lipgloss.NewStyle().Bold(true).Render(title),
		s.bar.ViewAs(s.view.Done()), clock(s.view.Left))
	fmt.Fprintf(&b, "%s\n%s\n\n", s.stacks(), s.backends())
	dim := lipgloss.NewStyle().Faint(true)
	for _, n := range s.notes {
		b.WriteString(dim.Render(n) + "\n")
	}
	return tea.NewView(b.String())
}

// newTable has a name on the left and numbers on the right.
func newTable(headers ...string) *table.Table {
	return table.New().Border(lipgloss.RoundedBorder()).Headers(headers...).
		StyleFunc(func(row, column int) lipgloss.Style {
			style := lipgloss.NewStyle().Padding(0, 1)
			if column > 0 {
				style = style.Align(lipgloss.Right)
			}
			return style.Bold(row == table.HeaderRow)
		})
}

func (s screen) stacks() string {
	t := newTable("weights", "p50 ms", "p99 ms", "req/s", "errors/s", "errors")
	for _, v := range s.view.Stacks {
		t.Row(v.Name, fmt.Sprintf("%.1f", ms(v.P50)), fmt.Sprintf("%.1f", ms(v.P99)),
			fmt.Sprintf("%.0f", v.Rate), fmt.Sprintf("%.0f", v.ErrorRate), strconv.Itoa(v.Errors))
	}
	return t.String()
}

func (s screen) backends() string {
	t := newTable("backend", "cores", "weight", "utilization", "")
	for _, v := range s.view.Backends {
		state := ""
		if v.Out {
			state = "out of service"
		}
		t.Row(v.Name, fmt.Sprintf("%.0f", v.Cores), strconv.Itoa(v.Weight), fmt.Sprintf("%.0f %%", 100*v.Utilization), state)
	}
	return t.String()
}
