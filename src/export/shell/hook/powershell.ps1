if (-not $Global:ServiceManagerPrompt) {
    $Global:ServiceManagerPrompt = $function:prompt
    function Global:prompt {
        $code = $Global:LASTEXITCODE
        if ($PWD.Path -ne $Global:ServiceManagerFolder) {
            $Global:ServiceManagerFolder = $PWD.Path
            $change = & @COMMAND@ | Out-String
            if ($change.Trim()) { Invoke-Expression $change }
        }
        $Global:LASTEXITCODE = $code
        & $Global:ServiceManagerPrompt
    }
}
