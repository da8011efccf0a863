package report

import (
	"context"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser finds Chromium, or skips the test and says what is not tested.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("report.html was not opened in a browser: there is no chromium (Debian's package chromium)")
	return ""
}

// The values of Blink's preferredColorScheme.
const (
	dark  = 0
	light = 1
)

// open runs a headless browser on a page and returns what it prints.
func open(t *testing.T, binary, url string, wide, scheme int, more ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--user-data-dir=" + t.TempDir(),
		fmt.Sprintf("--blink-settings=preferredColorScheme=%d", scheme), fmt.Sprintf("--window-size=%d,844", wide), "--virtual-time-budget=2000",
	}, more...)
	cmd := exec.CommandContext(ctx, binary, append(args, url)...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return string(out)
}

// measure is added to a copy of a page, whose own policy forbids scripts. It opens what is
// folded, waits for the layout and writes what it finds into the page.
const measure = `<script>
onload = () => {
  const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const folded = overflow();
  document.querySelectorAll("details").forEach(d => d.open = true);
  const told = document.createElement("output");
  const wrong = document.querySelector("td.x");
  told.textContent = [
    "folded " + folded, "unfolded " + overflow(), "wide " + document.documentElement.clientWidth,
    "dark " + matchMedia("(prefers-color-scheme: dark)").matches,
    "paper " + getComputedStyle(document.body).backgroundColor,
    "wrong " + (wrong && wrong.innerText.replace(/\s+/g, " ") + " in " + getComputedStyle(wrong).outlineStyle),
    "matrices " + document.querySelectorAll("table.matrix").length,
    "requests " + performance.getEntriesByType("resource").length,
  ].join("; ");
  top.document.body.append(told);
};
</script>`

// frame shows that copy as wide as it is asked to be: a headless browser's window is never
// narrower than 500 pixels.
const frame = `<!doctype html><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<body><script>document.write('<iframe src="measured.html" height="844" frameborder="0" width="' + location.hash.slice(1) + '"></iframe>')</script>`

// site serves the folder of a run, with a copy of its page that measures itself, and notes
// what is asked for.
func site(t *testing.T, folder string) (url string, asked func() []string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	before, policy, _ := strings.Cut(string(raw), `<meta http-equiv="Content-Security-Policy"`)
	_, after, ok := strings.Cut(policy, ">")
	if !ok {
		t.Fatal("the page has no policy against scripts and requests")
	}
	for name, text := range map[string]string{"measured.html": before + measure + after, "frame.html": frame} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var paths []string
	files := http.FileServer(http.Dir(folder))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		paths = append(paths, r.URL.Path)
		mu.Unlock()
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string { mu.Lock(); defer mu.Unlock(); return paths }
}

func TestInABrowser(t *testing.T) {
	binary := browser(t)
	for name, dead := range map[string]bool{"green": false, "red": true} {
		folder, _ := written(t, small, dead)
		wrong := "wrong null"
		if dead {
			wrong = "wrong SILENT want answered in solid"
		}
		for _, wide := range []int{390, 1280} {
			for scheme, paper := range map[int]string{dark: "dark true; paper rgb(20, 22, 26)", light: "dark false; paper rgb(251, 250, 247)"} {
				t.Run(fmt.Sprintf("%s-%d-%d", name, wide, scheme), func(t *testing.T) {
					url, asked := site(t, folder)
					dom := open(t, binary, fmt.Sprintf("%s/frame.html#%d", url, wide), wide, scheme, "--dump-dom")
					told := between(t, dom, "<output>", "</output>")
					want := fmt.Sprintf("<output>folded 0; unfolded 0; wide %d; %s; %s; matrices 8; requests 0</output>", wide, paper, wrong)
					if told != want {
						t.Errorf("the browser says\n%s\nwant\n%s", told, want)
					}
					if got := strings.Join(asked(), " "); got != "/frame.html /measured.html" {
						t.Errorf("the page asked for %s", got)
					}
					picture(t, binary, url+"/report.html", wide, scheme)
				})
			}
		}
	}
}

// A check that nothing can fail proves nothing.
func TestTheBrowserNoticesAWidePage(t *testing.T) {
	binary := browser(t)
	folder := t.TempDir()
	const wide = `<meta http-equiv="Content-Security-Policy"><body><details><div style="width: 900px">a</div></details><img src="/elsewhere.png">`
	if err := os.WriteFile(filepath.Join(folder, "report.html"), []byte("<!doctype html>"+wide), 0o644); err != nil {
		t.Fatal(err)
	}
	url, asked := site(t, folder)
	told := between(t, open(t, binary, url+"/frame.html#390", 390, light, "--dump-dom"), "<output>", "</output>")
	if !strings.HasPrefix(told, "<output>folded 0; unfolded 5") || !strings.HasSuffix(told, "requests 1</output>") {
		t.Errorf("the browser says %s", told)
	}
	if got := asked(); len(got) != 3 {
		t.Errorf("the page asked for %s", got)
	}
}

// TestWhichBrowser is for make test, which says whether the page is opened in a real one.
func TestWhichBrowser(t *testing.T) { t.Log("report.html is opened in " + browser(t)) }

// picture checks that the page itself, under its own policy, is drawn and not blank. With
// go test -artifacts people can look at it.
func picture(t *testing.T, binary, url string, wide, scheme int) {
	t.Helper()
	path := filepath.Join(t.ArtifactDir(), "report.png")
	open(t, binary, url, wide, scheme, "--screenshot="+path)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	drawn, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	colours := map[any]bool{}
	for y := range drawn.Bounds().Dy() {
		for x := range drawn.Bounds().Dx() {
			colours[drawn.At(x, y)] = true
		}
	}
	if len(colours) < 50 {
		t.Errorf("the picture has %d colours", len(colours))
	}
}
