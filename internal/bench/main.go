package main
import ("os";"fmt";"strconv";"context";"runtime/pprof";"time";"runtime/debug"
"github.com/memarc/memarc/exporter"
"github.com/memarc/memarc/internal/store/all")
func main(){
 if os.Args[1]=="prof" {
  if os.Getenv("LIMIT")!="" { debug.SetMemoryLimit(80<<20) }
  f,_:=os.Create("/tmp/cpu.prof"); pprof.StartCPUProfile(f)
  src,err:=all.Registry().OpenSource(context.Background(), os.Args[2], ""); if err!=nil{panic(err)}
  out,_:=os.Create("/tmp/prof.marc"); t:=time.Now()
  _,err=exporter.Export(context.Background(), src, out, exporter.Options{}); if err!=nil{panic(err)}
  fmt.Println(time.Since(t)); pprof.StopCPUProfile(); return }
 n,_:=strconv.Atoi(os.Args[2]); if err:=generate(os.Args[1],n,2*n); err!=nil {fmt.Println(err);os.Exit(1)} }
