module sandgate.example/yardstick/go

go 1.24
