// Package tool says what a tool is to the runtime: something a model may ask
// for that the server itself carries out. It is for the driver, which calls
// tools, and for the packages below it, which provide them.
//
// It guarantees nothing by itself; it names what every tool must declare, so
// that the runtime knows what to do with a call whose outcome a crash hid: its
// [Class].
//
// Example:
//
//	specs, err := source.List(ctx)
//	result, err := source.Call(ctx, tool.Call{Name: specs[0].Name, Key: key, Arguments: []byte(`{}`)})
package tool
