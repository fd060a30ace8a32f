package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/rs/cors"

	"galatea/gateway/wire"
	"galatea/repository"
)

// Decisions is what may be decided about versions on request; *repository.Reconciler does it.
type Decisions interface {
	SetLabel(ctx context.Context, name, label string, version int64) error
	RollBack(ctx context.Context, name, why string) (version int64, err error)
	Promote(ctx context.Context, name string, version int64, why string) error
}

// Rollouts tells of names and rollouts; *repository.Router does.
type Rollouts interface {
	Names(model string) (labels map[string]int64, standard int64)
	Trial(model string) (repository.TrialInfo, bool)
	Trials() []repository.TrialInfo
}

// Options are what a Gateway is made of.
type Options struct {
	Service *wire.Service

	Decisions Decisions // nil: nothing may be decided, and Rollouts and Events are not needed
	Rollouts  Rollouts
	Events    *repository.Events
	Counts    func(repository.TrialInfo) any // how a rollout goes, for GET /v2/repository/rollouts; nil: not told

	Limits     Limits
	Restricted wire.Restrictions // what callers must send; nil: nothing
	Origins    []string          // of web pages that may ask, "*" for all; none: CORS is off
	Lenient    bool              // say the sane thing where Triton's answer is odd: 400 for what cannot be read, bodies for health
	Log        *slog.Logger      // nil: discard
}

// Limits bound what requests may cost. Zero fields stand for the defaults.
type Limits struct {
	MaxInputSize     int64 // bytes of one body, before and after decompression; 0 is 64 MiB
	MaxInflightBytes int64 // bytes of all bodies held at one time; 0 is 1 GiB
}

// Gateway answers HTTP requests.
type Gateway struct {
	o        Options
	limits   atomic.Pointer[Limits]
	engine   *gin.Engine
	handler  http.Handler // the engine, behind CORS where it is on
	requests requestCounts

	exchanges sync.Pool     // *exchange
	stopping  chan struct{} // closed when streams are to end
	stop      sync.Once
}

// New returns a gateway.
func New(o Options) *Gateway {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	gin.SetMode(gin.ReleaseMode)
	g := &Gateway{o: o, engine: gin.New(), stopping: make(chan struct{})}
	g.SetLimits(o.Limits)
	g.engine.RedirectTrailingSlash = false
	g.engine.UseRawPath = true // a model's name may hold an escaped slash
	g.engine.HandleMethodNotAllowed = true
	g.engine.NoRoute(func(c *gin.Context) { replyError(c, http.StatusNotFound, "Not Found") })
	g.engine.NoMethod(noMethod)
	g.engine.Use(g.observe)
	if g.o.Restricted != nil {
		g.engine.Use(g.restrict)
	}
	g.routes()
	g.handler = http.HandlerFunc(g.serve)
	if len(o.Origins) > 0 {
		g.handler = cors.New(cors.Options{
			AllowedOrigins: o.Origins, AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
			AllowedHeaders: []string{"*"}, ExposedHeaders: []string{headerLength, headerRetryAfter, headerRetryAfterMs, headerRequestID, "Content-Encoding"},
			OptionsSuccessStatus: http.StatusNoContent,
		}).Handler(g.handler)
	}
	return g
}

// SetLimits changes the limits for requests that arrive from now on.
func (g *Gateway) SetLimits(l Limits) {
	if l.MaxInputSize <= 0 {
		l.MaxInputSize = 64 << 20
	}
	if l.MaxInflightBytes <= 0 {
		l.MaxInflightBytes = 1 << 30
	}
	g.limits.Store(&l)
	g.o.Service.Memory().SetLimit(l.MaxInflightBytes)
}

// EndStreams ends the answers that would go on for ever.
func (g *Gateway) EndStreams() { g.stop.Do(func() { close(g.stopping) }) }

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }

// serve answers what CORS has let through. The server sends no body for HEAD.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		r = asGet(r)
	}
	g.engine.ServeHTTP(w, r)
}

func (g *Gateway) routes() {
	v2 := g.engine.Group("/v2")
	v2.GET("", g.serverMetadata)
	v2.GET("/openapi.json", g.serverDocument)
	v2.GET("/health/live", g.live)
	v2.GET("/health/ready", g.ready)
	v2.GET("/models/stats", g.allStats)
	for _, model := range []string{"/models/:model", "/models/:model/versions/:version", "/models/:model/labels/:label"} {
		m := v2.Group(model)
		m.GET("", g.modelMetadata)
		m.GET("/openapi.json", g.modelDocument)
		m.GET("/ready", g.modelReady)
		m.GET("/config", g.modelConfig)
		m.GET("/stats", g.modelStats)
		m.POST("/infer", g.infer)
		m.POST("/generate", g.generate)
		m.POST("/generate_stream", g.generateStream)
	}
	for _, path := range []string{"/trace/setting", "/models/:model/trace/setting"} {
		v2.GET(path, g.traceSettings)
		v2.POST(path, g.traceSettings)
	}
	v2.GET("/logging", g.logSettings)
	v2.POST("/logging", g.logSettings)
	g.sharedMemoryRoutes(v2)
	v2.POST("/repository/index", g.index)
	v2.POST("/repository/models/:model/load", g.load)
	v2.POST("/repository/models/:model/unload", g.unload)
	if g.o.Decisions != nil {
		g.decisionRoutes(v2)
	}
	for _, path := range []string{"/index", "/models/:model/load", "/models/:model/unload"} {
		v2.POST("/repository/:repository"+path, func(c *gin.Context) {
			replyError(c, http.StatusNotImplemented, "'repository_name' specification is not supported")
		})
	}
	for _, root := range tfRoots {
		g.engine.Any(root+"/*path", g.tfserving)
	}
}

// decisionRoutes are for what may be decided about versions, and for seeing it.
func (g *Gateway) decisionRoutes(v2 *gin.RouterGroup) {
	v2.POST("/repository/models/:model/rollback", g.rollBack)
	v2.POST("/repository/models/:model/promote", g.promote)
	for _, path := range []string{"/labels/:label", "/default"} {
		v2.POST("/repository/models/:model"+path, g.setLabel)
		v2.DELETE("/repository/models/:model"+path, g.setLabel)
	}
	v2.GET("/repository/models", g.models)
	v2.GET("/repository/rollouts", g.rollouts)
	v2.GET("/events", g.events)
}

// observe logs a request when debugging, carries its trace, and makes an answer of a panic.
func (g *Gateway) observe(c *gin.Context) {
	began := time.Now()
	expectBody(c)
	echoRequestID(c)
	if span := g.startSpan(c, began); span != nil {
		defer func() { endSpan(span, c) }()
	}
	defer func() {
		if p := recover(); p != nil {
			g.panicked(c, p)
		}
		took := time.Since(began)
		g.requests.add(route(c), c.Writer.Status(), took)
		if g.o.Log.Enabled(c.Request.Context(), slog.LevelDebug) {
			g.o.Log.DebugContext(c.Request.Context(), "request",
				slog.String("method", c.Request.Method), slog.String("path", c.Request.URL.Path), slog.String("remote", c.Request.RemoteAddr),
				slog.Int("status", c.Writer.Status()), slog.Int64("bytes_in", c.Request.ContentLength), slog.Int("bytes_out", max(0, c.Writer.Size())),
				slog.Duration("took", took))
		}
	}()
	c.Next()
}
